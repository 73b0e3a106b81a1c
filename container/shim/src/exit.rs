//! How a process ended.

use rustix::process::WaitIdStatus;
use serde::{Deserialize, Serialize};

/// How a process ended; as JSON `{"status":N}` or `{"signal":N}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// The one number that shells and Garden use: the status, or 128 and the signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Exit::Status(status) => status,
            Exit::Signal(signal) => signal.saturating_add(128),
        }
    }

    /// What waitid(2) said of a process that has ended.
    pub(crate) fn of(status: &WaitIdStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, Some(signal)) => Exit::Signal(signal),
            // Not an end at all; whoever waits asks for ends alone.
            (None, None) => Exit::Status(255),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_json() {
        assert_eq!(Exit::Status(42).code(), 42);
        assert_eq!(Exit::Signal(9).code(), 137);
        assert_eq!(
            serde_json::to_string(&Exit::Status(3)).unwrap(),
            r#"{"status":3}"#
        );
        let read: Exit = serde_json::from_str(r#"{"signal":15}"#).unwrap();
        assert_eq!(read, Exit::Signal(15));
    }
}
