//! What the server tells whoever runs it: lines on standard error, or wherever it is told to.
//!
//! Values are what the caller chose to tell. Properties, environments and credentials are never
//! among them.

use std::fmt::Write;
use std::sync::Arc;

/// How urgent a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What happens as it should.
    Info,
    /// What needs somebody.
    Error,
}

type Sink = dyn Fn(Level, &str) + Send + Sync;

/// Where lines go.
#[derive(Clone)]
pub struct Log {
    sink: Arc<Sink>,
}

impl Default for Log {
    fn default() -> Self {
        Self::new(|_, line| eprintln!("{line}"))
    }
}

impl Log {
    /// A log whose lines are given to `sink`, without a newline.
    pub fn new(sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self {
            sink: Arc::new(sink),
        }
    }

    /// Something happened.
    pub fn info(&self, message: &str, values: &[(&str, &str)]) {
        self.say(Level::Info, message, values);
    }

    /// Something failed.
    pub fn error(&self, message: &str, values: &[(&str, &str)]) {
        self.say(Level::Error, message, values);
    }

    fn say(&self, level: Level, message: &str, values: &[(&str, &str)]) {
        let mut line = match level {
            Level::Info => format!("garden: {message}"),
            Level::Error => format!("garden: error: {message}"),
        };
        for (key, value) in values {
            // Writing to a string does not fail.
            let _ = write!(line, " {key}={value:?}");
        }
        (self.sink)(level, &line);
    }
}
