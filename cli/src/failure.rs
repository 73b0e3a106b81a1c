//! A command that did not succeed: what to print and which exit code to end with.

use std::error::Error;
use std::io::ErrorKind;

use warren_lib_errchain::chain;

/// Exit codes of every verb.
pub mod exit {
    /// All is as it should be.
    pub const GOOD: u8 = 0;
    /// Something is wrong, or the request was refused.
    pub const BAD: u8 = 1;
    /// The question could not be answered, or the command line is wrong.
    pub const UNKNOWN: u8 = 2;
}

/// Why a verb failed.
#[derive(Debug)]
pub struct Failure {
    /// The step, the object and the causes, one line.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Exit code.
    pub code: u8,
    /// Whether only the reader of our output left, who knows it.
    pub is_unread: bool,
}

impl Failure {
    /// From an error, with its whole chain of sources.
    pub fn new(error: &dyn Error) -> Self {
        Failure {
            message: chain(error),
            remedy: None,
            code: exit::BAD,
            is_unread: false,
        }
    }

    /// From a text.
    pub fn text(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            remedy: None,
            code: exit::BAD,
            is_unread: false,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Changes the exit code.
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut failure = Failure::new(&error);
        // As it comes from writing what is to be seen; what else has a pipe tells which.
        let error: &dyn Error = &error;
        let cause = error.downcast_ref::<std::io::Error>();
        failure.is_unread = cause.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe);
        failure
    }
}
