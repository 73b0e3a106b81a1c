//! Steps as lines, each with what came of it and how long it took. On a terminal the step that goes on
//! stands there as well, and how long it has.

use std::cell::RefCell;
use std::io::{IsTerminal, Write, stdout};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;
use warren_environment::Progress;

use crate::output::Format;

/// A step that is done.
#[derive(Serialize)]
pub struct Step {
    step: String,
    outcome: String,
    seconds: f64,
}

/// Writes lines for people, or keeps all steps for the document in the end.
pub struct Steps {
    format: Format,
    is_terminal: bool,
    ticking: RefCell<Option<Ticking>>,
    done: RefCell<Vec<Step>>,
}

/// A step that goes on.
struct Ticking {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticking {
    fn begin(step: &str) -> Self {
        say(&format!("{step}..."));
        let (ends, ended) = channel::<()>();
        let (step, began) = (step.to_owned(), Instant::now());
        let thread = std::thread::spawn(move || {
            let second = Duration::from_secs(1);
            while ended.recv_timeout(second) == Err(RecvTimeoutError::Timeout) {
                let seconds = began.elapsed().as_secs();
                say(&format!("\r{step}... {seconds} s\x1b[K"));
            }
        });
        Self {
            ends: Some(ends),
            thread: Some(thread),
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.ends.take();
        let ended = self.thread.take().map(JoinHandle::join);
        debug_assert!(!matches!(ended, Some(Err(_))), "it only writes");
        say("\r\x1b[K");
    }
}

fn say(text: &str) {
    let mut out = stdout().lock();
    // Nobody may be there to read any more; what is being made is made all the same.
    let _unread = write!(out, "{text}").and_then(|()| out.flush());
}

impl Steps {
    /// For this format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            is_terminal: stdout().is_terminal(),
            ticking: RefCell::default(),
            done: RefCell::default(),
        }
    }

    /// All that is done.
    pub fn done(self) -> Vec<Step> {
        self.done.into_inner()
    }
}

impl Progress for Steps {
    fn begin(&self, step: &str) {
        if self.is_terminal && self.format == Format::Human {
            // One that did not come to an end leaves its line to the next.
            drop(self.ticking.take());
            self.ticking.replace(Some(Ticking::begin(step)));
        }
    }

    fn done(&self, step: &str, outcome: &str, took: Duration) {
        drop(self.ticking.take());
        let seconds = took.as_secs_f64();
        if self.format == Format::Human {
            say(&format!("{step:<20} {outcome:<60} {seconds:>7.2} s\n"));
        }
        self.done.borrow_mut().push(Step {
            step: step.to_owned(),
            outcome: outcome.to_owned(),
            seconds,
        });
    }
}
