//! What a verb of a director writes: for people on a terminal, for `grep`, or as one JSON document.
//!
//! | | on a terminal or with `--tty` | in a pipe | `--json` |
//! |---|---|---|---|
//! | lines | yes | no | `Lines` |
//! | blocks (documents, events) | yes | yes | `Blocks` |
//! | tables | whole | rows only | `Tables` |
//! | errors | standard error | standard error | `Lines` |

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::{Value, json};
use warren_director_client::reporter::Piece;

use super::problem::Problem;
use crate::output::Listing;

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For people.
    Terminal,
    /// For `grep`.
    Pipe,
    /// For programs.
    Json,
}

/// Where a verb writes to.
pub struct Console {
    mode: Mode,
    is_coloured: bool,
    /// Why standard output takes no more.
    broken: Option<std::io::Error>,
    is_hushed: bool,
    columns: Vec<String>,
    /// Why a table cannot be shown as it was asked for.
    wrong: Option<String>,
    tables: Vec<Value>,
    blocks: Vec<String>,
    lines: Vec<String>,
}

/// The mark and the colour of a line of a difference.
fn mark(status: Option<&str>) -> (char, &'static str) {
    match status {
        Some("added") => ('+', "32"),
        Some("removed") => ('-', "31"),
        _ => (' ', ""),
    }
}

/// A difference with its marks.
pub fn marked(lines: &[(String, Option<String>)]) -> String {
    let marked = lines.iter().map(|(line, status)| {
        let (mark, _) = mark(status.as_deref());
        format!("{mark} {line}\n")
    });
    marked.collect()
}

fn coloured(lines: &[(String, Option<String>)]) -> String {
    let coloured = lines
        .iter()
        .map(|(line, status)| match mark(status.as_deref()) {
            (mark, "") => format!("{mark} {line}\n"),
            (mark, color) => format!("\x1b[{color}m{mark} {line}\x1b[0m\n"),
        });
    coloured.collect()
}

impl Console {
    /// By what was asked for and what standard output is.
    pub fn new(is_json: bool, is_tty: bool, no_color: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let mode = match (is_json, is_tty || is_terminal) {
            (true, _) => Mode::Json,
            (false, true) => Mode::Terminal,
            (false, false) => Mode::Pipe,
        };
        Self {
            mode,
            is_coloured: is_terminal && !no_color && std::env::var_os("NO_COLOR").is_none(),
            broken: None,
            is_hushed: false,
            columns: Vec::new(),
            wrong: None,
            tables: Vec::new(),
            blocks: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// How it writes.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    fn print(&mut self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        self.broken = self.broken.take().or(written.err());
    }

    /// A line for people, an empty one before it.
    pub fn line(&mut self, text: &str) {
        match self.mode {
            Mode::Terminal => self.print(format!("\n{text}\n").as_bytes()),
            Mode::Pipe => {}
            Mode::Json => self.lines.push(text.to_owned()),
        }
    }

    /// The first line, without an empty one.
    pub fn first_line(&mut self, text: &str) {
        match self.mode {
            Mode::Terminal => self.print(format!("{text}\n").as_bytes()),
            _ => self.line(text),
        }
    }

    /// A document, an empty line before it for people.
    pub fn block(&mut self, text: &str) {
        match self.mode {
            Mode::Terminal => self.print(format!("\n{text}").as_bytes()),
            Mode::Pipe => self.print(text.as_bytes()),
            Mode::Json => self.blocks.push(text.to_owned()),
        }
    }

    /// No last words on success.
    pub fn hush(&mut self) {
        self.is_hushed = true;
    }

    /// Bytes of a document as they come.
    pub fn raw(&mut self, bytes: &[u8]) {
        match self.mode {
            Mode::Json => self
                .blocks
                .push(String::from_utf8_lossy(bytes).into_owned()),
            _ => self.print(bytes),
        }
    }

    /// What continues a task's text.
    pub fn piece(&mut self, piece: &Piece) {
        match (self.mode, piece) {
            (Mode::Terminal, Piece::Line(text) | Piece::Event(text)) => self.print(text.as_bytes()),
            (Mode::Pipe, Piece::Line(_)) => {}
            (Mode::Pipe, Piece::Event(text)) => self.print(text.as_bytes()),
            (Mode::Json, Piece::Line(text)) => {
                let lines = text.lines().filter(|line| !line.is_empty());
                self.lines.extend(lines.map(str::to_owned));
            }
            (Mode::Json, Piece::Event(text)) => self.blocks.push(text.clone()),
        }
    }

    /// Only these columns of tables; all if there are none.
    pub fn choose(&mut self, columns: &[String]) {
        self.columns = columns.to_vec();
    }

    /// A table.
    pub fn table(&mut self, listing: &Listing) {
        let listing = match self.columns.as_slice() {
            [] => listing,
            columns => match listing.only(columns) {
                Ok(only) => &{ only },
                Err(wrong) => {
                    self.wrong.get_or_insert(wrong);
                    return;
                }
            },
        };
        match self.mode {
            Mode::Terminal => self.print(listing.human().as_bytes()),
            Mode::Pipe => self.print(listing.bare().as_bytes()),
            Mode::Json => self.tables.push(listing.json()),
        }
    }

    /// A difference, with its marks.
    pub fn diff(&mut self, lines: &[(String, Option<String>)]) {
        let text = match self.is_coloured {
            true => coloured(lines),
            false => marked(lines),
        };
        if !text.is_empty() {
            self.block(&text);
        }
    }

    /// Whether the user agrees; whoever is not asked does.
    pub fn confirms(&mut self, is_asked: bool) -> Result<(), Problem> {
        if !is_asked {
            return Ok(());
        }
        match self.agrees("\nContinue? [yN]: ")? {
            true => Ok(()),
            false => Err(Problem::text("Stopped")),
        }
    }

    /// Whether the answer to a question is yes.
    pub fn agrees(&mut self, question: &str) -> Result<bool, Problem> {
        let answer = self.ask(question)?;
        Ok(matches!(answer.as_str(), "y" | "Y" | "yes"))
    }

    /// Which of some resolutions the user chooses, from 0, with a title above them. An empty line is the usual one, if there is one; no
    /// line at all is none.
    pub fn choose_of(
        &mut self,
        title: &str,
        texts: &[&str],
        label: &str,
        usual: Option<usize>,
    ) -> Result<usize, Problem> {
        let mut question = format!("{title}\n");
        for (at, text) in texts.iter().enumerate() {
            question.push_str(&format!("{}: {text}\n", at + 1));
        }
        question.push_str(label);
        if let Some(usual) = usual {
            question.push_str(&format!(" ({})", usual + 1));
        }
        let answer = self.ask_line(&format!("{question}: "))?;
        if let (Some(""), Some(usual)) = (answer.as_deref(), usual) {
            return Ok(usual);
        }
        let number = answer.and_then(|answer| answer.parse::<usize>().ok());
        let number = number.ok_or_else(|| Problem::text("Expected a number"))?;
        let at = number.checked_sub(1).filter(|at| *at < texts.len());
        at.ok_or_else(|| Problem::text(format!("There is no resolution {number}")))
    }

    /// Asks for a line, on standard error so that documents stay whole.
    pub fn ask(&mut self, question: &str) -> Result<String, Problem> {
        Ok(self.ask_line(question)?.unwrap_or_default())
    }

    /// The same; nothing if there is no line any more.
    fn ask_line(&mut self, question: &str) -> Result<Option<String>, Problem> {
        // Whoever reads the document does not answer; what changes something is not done unasked either.
        if self.mode == Mode::Json {
            return Err(Problem::text(
                "Cannot ask for confirmation or input with --json: give --non-interactive as well, or what is asked for by flags",
            ));
        }
        let mut err = std::io::stderr().lock();
        let asked = write!(err, "{question}").and_then(|()| err.flush());
        let mut line = String::new();
        let read = asked.and_then(|()| std::io::stdin().read_line(&mut line));
        let read =
            read.map_err(|error| Problem::text(format!("Asking for confirmation: {error}")))?;
        Ok((read > 0).then(|| line.trim().to_owned()))
    }

    /// The last words; the exit code.
    pub fn finish(mut self, result: Result<u8, Problem>) -> u8 {
        let result = match (result, self.wrong.take()) {
            (Ok(_), Some(wrong)) => Err(Problem::text(wrong)),
            (result, _) => result,
        };
        let code = match result {
            Ok(0) => {
                if !self.is_hushed {
                    self.line("Succeeded");
                }
                0
            }
            Ok(code) => {
                self.line(&format!("Exit code {code}"));
                code
            }
            Err(problem) => {
                let text = problem.to_string();
                match self.mode {
                    Mode::Json => {
                        self.lines.push(text);
                        self.lines.push("Exit code 1".to_owned());
                    }
                    mode => {
                        let gap = if mode == Mode::Terminal { "\n" } else { "" };
                        let text = match self.is_coloured {
                            true => format!("\x1b[31m{text}\x1b[0m"),
                            false => text,
                        };
                        // Nobody is left to tell if this fails.
                        let _ = writeln!(std::io::stderr(), "{gap}{text}\n\nExit code 1");
                    }
                }
                1
            }
        };
        if self.mode == Mode::Json {
            let some = |all: Value| match all.as_array().is_some_and(Vec::is_empty) {
                true => Value::Null,
                false => all,
            };
            let document = json!({
                "Tables": some(json!(self.tables)),
                "Blocks": some(json!(self.blocks)),
                "Lines": some(json!(self.lines)),
            });
            let mut text = Vec::new();
            let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
            let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
            let written = serde::Serialize::serialize(&document, &mut serializer);
            self.broken = self.broken.take().or(written.err().map(Into::into));
            text.push(b'\n');
            self.print(&text);
        }
        match self.broken {
            Some(error) if code == 0 => {
                // Whoever stopped reading knows it.
                if error.kind() != ErrorKind::BrokenPipe {
                    let _ = writeln!(std::io::stderr(), "Writing to standard output: {error}");
                }
                1
            }
            _ => code,
        }
    }
}
