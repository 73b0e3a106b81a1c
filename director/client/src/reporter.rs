//! An event log as text for a terminal. Pure: lines in, text out.
//!
//! ```text
//! Task 86
//!                                                                  what is new begins a line
//! Task 86 | 01:44:18 | Updating instance zk: zk/c89 (2)            started
//! Task 86 | 01:48:17 | L executing post-stop: zk/c89 (2)           in progress, with a status
//! Task 86 | 01:48:25 | L executing post-start: zk/c89 (2) (00:00:12)   ended right behind its line
//! Task 86 | 01:49:07 | Deleting instances: zk/9e5 (0) (00:00:14)   ended while others were shown
//!
//! Task 86 Started  Sun Nov 22 01:44:18 UTC 2026
//! Task 86 Finished Sun Nov 22 01:48:25 UTC 2026
//! Task 86 Duration 00:04:07
//! Task 86 done
//! ```
//!
//! A task without events is one line, `Task 89. Done`. Text comes in pieces that continue each
//! other; each piece says whether it belongs to the events ([`Piece::Event`]) or is shown only to
//! people ([`Piece::Line`]).

use std::collections::HashMap;

use crate::clock;
use crate::event::{Event, Lines};

/// Most pieces of work whose beginning is remembered.
const MOST_OPEN: usize = 100_000;
/// How far an error stands below its line, without the task's number.
const INDENT: usize = 18;

/// Text that continues what was written before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// For people only.
    Line(String),
    /// An event.
    Event(String),
}

type Work = (Option<String>, Option<Vec<String>>, Option<String>);

/// Turns one task's events into text.
#[derive(Debug)]
pub struct Reporter {
    id: u64,
    lines: Lines,
    last: Option<Event>,
    begun: HashMap<Work, i64>,
    /// Whether anything was told.
    has_begun: bool,
    first_time: Option<i64>,
    last_time: i64,
}

fn work(event: &Event) -> Work {
    (event.stage.clone(), event.tags.clone(), event.task.clone())
}

impl Reporter {
    /// For this task; the text begins with its name.
    pub fn new(id: u64) -> (Self, Piece) {
        let reporter = Self {
            id,
            lines: Lines::default(),
            last: None,
            begun: HashMap::new(),
            has_begun: false,
            first_time: None,
            last_time: 0,
        };
        (reporter, Piece::Line(format!("Task {id}")))
    }

    /// Takes a piece of the log.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut whole = Vec::new();
        self.lines
            .push(bytes, &mut |line| whole.push(line.to_vec()));
        whole.iter().filter_map(|line| self.line(line)).collect()
    }

    /// Takes the end, with the state in which the task is.
    pub fn finish(&mut self, state: &str) -> Vec<Piece> {
        let mut whole = Vec::new();
        self.lines.end(&mut |line| whole.push(line.to_vec()));
        let mut pieces: Vec<Piece> = whole.iter().filter_map(|line| self.line(line)).collect();
        let id = self.id;
        pieces.push(Piece::Line(match self.first_time {
            Some(first) => format!(
                "\n\nTask {id} Started  {}\nTask {id} Finished {}\nTask {id} Duration {}\nTask {id} {state}\n",
                clock::unix_date(first),
                clock::unix_date(self.last_time),
                clock::duration(self.last_time.saturating_sub(first)),
            ),
            None if self.has_begun => format!("\n\nTask {id} {state}\n"),
            None => {
                let mut letters = state.chars();
                let first = letters.next().map(|c| c.to_ascii_uppercase());
                let state: String = first.into_iter().chain(letters).collect();
                format!(". {state}\n")
            }
        }));
        pieces
    }

    fn line(&mut self, line: &[u8]) -> Option<Piece> {
        let event = match Event::parse(line) {
            Ok(event) => event,
            Err(error) => {
                let shown: String = String::from_utf8_lossy(line).chars().take(200).collect();
                let shown: String = shown.escape_debug().collect();
                let gap = self.gap();
                self.last = None;
                self.has_begun = true;
                return Some(Piece::Event(format!(
                    "{gap}Task {} | Unreadable event: {error}: {shown}",
                    self.id
                )));
            }
        };
        let text = self.event(&event)?;
        Some(Piece::Event(text))
    }

    /// What stands between the last text and a new line: the first is set off.
    fn gap(&self) -> &'static str {
        match self.has_begun {
            false => "\n\n",
            true => "\n",
        }
    }

    fn event(&mut self, event: &Event) -> Option<String> {
        let gap = self.gap();
        let prefix = format!("Task {} | {} | ", self.id, clock::hours(event.time));
        let state = event.state.as_deref().unwrap_or_default();
        let status = event.data.as_ref().and_then(|data| data.status.as_deref());
        let text = if let Some(error) = &event.error {
            let more = if self.has_begun { "\n" } else { "" };
            let message = error.message.as_deref().unwrap_or_default();
            format!("{more}{gap}{prefix}Error: {message}")
        } else if let Some(kind @ ("warning" | "deprecation")) = event.kind.as_deref() {
            let is_late = kind == "deprecation" && self.has_begun;
            let more = if is_late { "\n" } else { "" };
            let title = if kind == "warning" {
                "Warning"
            } else {
                "Deprecation"
            };
            let message = event.message.as_deref().unwrap_or_default();
            format!("{more}{gap}{prefix}{title}: {message}")
        } else {
            let task = event.task.as_deref().unwrap_or_default();
            match state {
                "started" => {
                    if self.begun.len() < MOST_OPEN {
                        self.begun.insert(work(event), event.time);
                    }
                    format!("{gap}{prefix}{}{task}", title(event))
                }
                "in_progress" => {
                    let status = status.filter(|status| !status.is_empty())?;
                    format!("{gap}{prefix}L {status}: {task}")
                }
                "finished" | "failed" => {
                    let begun = self.begun.remove(&work(event)).unwrap_or(event.time);
                    let took = clock::duration(event.time.saturating_sub(begun));
                    let is_next = self.last.as_ref().is_some_and(|last| last.is_same(event));
                    let mut text = match is_next {
                        true => format!(" ({took})"),
                        false => format!("{gap}{prefix}{}{task} ({took})", title(event)),
                    };
                    if state == "failed" {
                        let error = event.data.as_ref().and_then(|data| data.error.as_deref());
                        let error = error.unwrap_or_default();
                        let indent = INDENT + width(self.id);
                        text.push_str(&format!("\n{:indent$}L Error: {error}", ""));
                    }
                    text
                }
                _ => return None,
            }
        };
        self.has_begun = true;
        self.first_time.get_or_insert(event.time);
        self.last_time = event.time;
        self.last = Some(event.clone());
        Some(text)
    }
}

/// What the stock command line takes for the width of a number: the bytes of the character that has
/// it. Real texts have 19 columns before the error of task 32, 20 for 702 and 21 for 3504.
fn width(id: u64) -> usize {
    let character = u32::try_from(id).ok().and_then(char::from_u32);
    character.unwrap_or(char::REPLACEMENT_CHARACTER).len_utf8()
}

/// `Updating instance zk: `.
fn title(event: &Event) -> String {
    let mut text = event.stage.clone().unwrap_or_default();
    if let Some(tags) = event.tags.as_ref().filter(|tags| !tags.is_empty()) {
        text.push(' ');
        text.push_str(&tags.join(", "));
    }
    text.push_str(": ");
    text
}
