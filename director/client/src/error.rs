//! Why a director did not do what it was asked.

use std::path::PathBuf;

/// A call that failed. [`Error::Step`] adds what was being done; sources are not repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was being done.
    #[error("{step}")]
    Step {
        /// In the words of the stock command line, such as `Finding deployment 'x'`.
        step: String,
        /// Why it failed.
        source: Box<Error>,
    },
    /// The environment is no address.
    #[error("Expected environment '{0}' to be https://HOST[:PORT] or HOST[:PORT]")]
    Target(String),
    /// Certificates that cannot be read.
    #[error("Reading CA certificates '{what}': {problem}")]
    Certificates {
        /// The file, or `(text)`.
        what: String,
        /// Why.
        problem: String,
    },
    /// No answer.
    #[error("Performing request {method} '{url}'")]
    Transport {
        /// The method.
        method: &'static str,
        /// The address, without its query.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The answer broke off.
    #[error("Reading the director's answer to '{path}'")]
    Read {
        /// The path asked for.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The answer is longer than any honest one.
    #[error("The director's answer to '{path}' is longer than {limit} bytes")]
    TooLong {
        /// The path asked for.
        path: String,
        /// The bound.
        limit: u64,
    },
    /// A status that says no.
    #[error("Director responded with non-successful status code '{status}' response '{body}'")]
    Status {
        /// HTTP's.
        status: u16,
        /// What came with it, shortened.
        body: String,
    },
    /// The answer is not what it should be.
    #[error("Unmarshaling director response to '{path}'")]
    Unmarshal {
        /// The path asked for.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Something was started, but the answer names no task.
    #[error("Expected the director to answer '{path}' with a task, but it said '{location}'")]
    NoTask {
        /// The path asked for.
        path: String,
        /// What it said instead.
        location: String,
    },
    /// Redirected without end, or to elsewhere.
    #[error("The director redirects '{path}' {how}")]
    Redirect {
        /// The path asked for.
        path: String,
        /// Where to.
        how: &'static str,
    },
    /// A task that did not do its work.
    #[error("Expected task '{id}' to succeed but state is '{state}'")]
    Task {
        /// Its number.
        id: u64,
        /// How it ended.
        state: String,
    },
    /// A file of ours.
    #[error("{step} file '{}'", .path.display())]
    File {
        /// `Reading`, `Writing`, ...
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `~/.bosh/config` that cannot be understood.
    #[error("Unmarshaling config '{}'", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: yaml_serde::Error,
    },
    /// The token server did not give a token.
    #[error("UAA responded with non-successful status code '{status}' response '{why}'")]
    Token {
        /// HTTP's.
        status: u16,
        /// Its own words.
        why: String,
    },
}

impl Error {
    /// Says what was being done.
    #[must_use]
    pub fn step(self, step: impl Into<String>) -> Self {
        Error::Step {
            step: step.into(),
            source: Box::new(self),
        }
    }

    /// The HTTP status, if it was one that says no.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Step { source, .. } => source.status(),
            Error::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Says what was being done when it failed.
pub(crate) trait Stepped<T> {
    /// Wraps the error.
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Stepped<T> for Result<T, Error> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| error.step(step()))
    }
}
