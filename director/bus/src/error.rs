//! What can go wrong on the bus.

use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong on the bus.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An agent did not answer in time.
    #[error("Timed out sending '{method}' to agent '{agent}' after {} seconds", after.as_secs())]
    Timeout {
        /// The agent.
        agent: String,
        /// What it was asked.
        method: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// An agent says that something went wrong.
    #[error("Action Failed on agent '{agent}': {message}")]
    Exception {
        /// The agent.
        agent: String,
        /// What it was asked.
        method: String,
        /// Its words.
        message: String,
    },
    /// An agent answers something that the method does not give.
    #[error("agent '{agent}' answered '{method}' with {value}")]
    Answer {
        /// The agent.
        agent: String,
        /// What it was asked.
        method: String,
        /// The beginning of its answer.
        value: String,
    },
    /// A request cannot be sent.
    #[error("cannot send '{method}' to agent '{agent}'")]
    Publish {
        /// The agent.
        agent: String,
        /// What it was asked.
        method: String,
        /// Why not.
        source: warren_lib_nats::PublishError,
    },
    /// There is no connection.
    #[error("no connection to NATS: {reason}")]
    Disconnected {
        /// Why the last attempt failed.
        reason: String,
    },
    /// The connection cannot be begun.
    #[error("cannot start the connection to NATS")]
    Start(#[source] std::io::Error),
    /// Whoever waits does not want to any more.
    #[error("cancelled while agent '{agent}' did '{method}'")]
    Cancelled {
        /// The agent.
        agent: String,
        /// What it was asked.
        method: String,
    },
    /// The users of the bus cannot be written.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The server cannot be told to read its users again.
    #[error("cannot make nats-server (pid {pid}) read its users")]
    Reload {
        /// Its process.
        pid: i32,
        /// What the kernel said.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the agent does not know the method.
    #[must_use]
    pub fn is_unknown_method(&self) -> bool {
        matches!(self, Error::Exception { message, .. } if message.contains("unknown message"))
    }

    /// Whether a request was not sent because it does not fit the bus.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        matches!(
            self,
            Error::Publish {
                source: warren_lib_nats::PublishError::TooLong { .. },
                ..
            }
        )
    }

    /// Whether the agent said nothing at all.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Timeout { .. })
    }

    /// Whether the agent said `text`.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        matches!(self, Error::Exception { message, .. } if message.contains(text))
    }
}
