//! Steps as lines, each with what came of it and how long it took.

use std::cell::RefCell;
use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

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
    done: RefCell<Vec<Step>>,
}

impl Steps {
    /// For this format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            is_terminal: stdout().is_terminal(),
            done: RefCell::default(),
        }
    }

    /// All that is done.
    pub fn done(self) -> Vec<Step> {
        self.done.into_inner()
    }

    fn line(&self, text: &str) {
        if self.format == Format::Human {
            let mut out = stdout().lock();
            // Nobody may be there to read any more; what is being made is made all the same.
            let _unread = write!(out, "{text}").and_then(|()| out.flush());
        }
    }
}

impl Progress for Steps {
    fn begin(&self, step: &str) {
        if self.is_terminal {
            self.line(&format!("{step}..."));
        }
    }

    fn done(&self, step: &str, outcome: &str, took: Duration) {
        let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
        let seconds = took.as_secs_f64();
        self.line(&format!(
            "{clear}{step:<20} {outcome:<60} {seconds:>7.2} s\n"
        ));
        self.done.borrow_mut().push(Step {
            step: step.to_owned(),
            outcome: outcome.to_owned(),
            seconds,
        });
    }
}
