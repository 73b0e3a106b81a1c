//! Why a call failed.

use std::io;

use warren_wire_garden as wire;
use wire::hijack::{DecodeError, HeadError};
use wire::json::JsonError;
use wire::route::MissingParam;

use crate::{TlsError, TlsProblem};

/// A call failed. `call` is the route's name, as in [`wire::route::TABLE`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers at the target.
    #[error("cannot reach the Garden server at {target}")]
    Connect {
        /// Where it should be.
        target: String,
        /// Why.
        source: io::Error,
    },
    /// TLS was not agreed on, or ended with an alert.
    #[error("{problem}")]
    Tls {
        /// In terms of what can be done about it.
        problem: TlsProblem,
        /// The library's words.
        source: rustls::Error,
    },
    /// TLS cannot be used as wished.
    #[error("cannot prepare TLS")]
    TlsSetting(#[from] TlsError),
    /// A handle, process id or property key is empty.
    #[error("cannot make the request")]
    Request(#[from] MissingParam),
    /// The request's body cannot be written.
    #[error("cannot make the request {call}")]
    Encode {
        /// The call.
        call: &'static str,
        /// Why.
        source: JsonError,
    },
    /// The source of what is streamed in failed.
    #[error("cannot read what is to be streamed in")]
    Source(#[source] io::Error),
    /// The connection broke while the request was sent.
    #[error("cannot send {call} to the Garden server")]
    Send {
        /// The call.
        call: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The connection broke before the answer was complete.
    #[error("cannot read the Garden server's answer to {call}")]
    Receive {
        /// The call.
        call: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What answers does not speak HTTP.
    #[error("the answer to {call} has no head of HTTP")]
    Head {
        /// The call.
        call: &'static str,
        /// Why.
        source: HeadError,
    },
    /// The answer is of another shape than it should be.
    #[error("cannot understand the Garden server's answer to {call}")]
    Answer {
        /// The call.
        call: &'static str,
        /// Why.
        source: JsonError,
    },
    /// The server says no.
    #[error("{call}")]
    Refused {
        /// The call.
        call: &'static str,
        /// What it says.
        source: wire::Error,
    },
    /// A process's stream does not begin after a good answer.
    #[error("the answer to {call} (status {status}) does not hand over the connection")]
    NotHandedOver {
        /// The call.
        call: &'static str,
        /// The answer's status.
        status: u16,
    },
    /// What the server says about a process cannot be understood.
    #[error("cannot understand what the Garden server says about a process")]
    Stream(#[source] DecodeError),
    /// The server hung up without saying how the process ended. It may still run.
    #[error("the Garden server hung up before process {process_id:?} ended")]
    Lost {
        /// The process; empty if even that had not been said.
        process_id: String,
    },
    /// The server cannot say how the process ended.
    #[error("process {process_id}: {reason}")]
    Process {
        /// The process.
        process_id: String,
        /// What the server says.
        reason: String,
    },
    /// Output of a process could not be passed on.
    #[error("cannot pass on the output of process {process_id}")]
    Output {
        /// The process.
        process_id: String,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// What the server said, where it said something.
    #[must_use]
    pub fn refusal(&self) -> Option<&wire::Error> {
        match self {
            Self::Refused { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether the server knows no such container.
    #[must_use]
    pub fn is_unknown_container(&self) -> bool {
        matches!(self.refusal(), Some(wire::Error::ContainerNotFound { .. }))
    }
}
