//! What payloads mean, in each direction.

use std::fmt;

use super::payload::{Payload, Source};
use crate::base64;
use crate::process::{Signal, TtySpec};
use crate::redact::Hidden;

/// What a client says on the control socket.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// Bytes for the process's input.
    Stdin(Vec<u8>),
    /// The end of the process's input.
    StdinEnd,
    /// New settings of the terminal.
    Tty(TtySpec),
    /// A signal for the process; perhaps one nobody knows.
    Signal(Signal),
    /// Nothing that is known. The stock server stops listening here; it is
    /// better passed over.
    Unknown,
}

/// The exact bytes of a piece of input are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("data_base64 of a process payload")]
pub struct BadInput(#[from] base64::NotBase64);

impl ClientMessage {
    /// The meaning of a payload: the terminal comes before input, input before
    /// signals. As upstream, whatever `source` says is input.
    ///
    /// # Errors
    ///
    /// [`BadInput`] when `data_base64` is not base64.
    pub fn from_payload(payload: Payload) -> Result<Self, BadInput> {
        if let Some(tty) = payload.tty {
            return Ok(Self::Tty(tty));
        }
        if payload.source.is_some() {
            return Ok(match (payload.data_base64, payload.data) {
                (Some(exact), _) => Self::Stdin(base64::decode(&exact)?),
                (None, Some(text)) => Self::Stdin(text.into_bytes()),
                (None, None) => Self::StdinEnd,
            });
        }
        Ok(payload.signal.map_or(Self::Unknown, Self::Signal))
    }

    /// The payload that says this about the process `process_id`.
    #[must_use]
    pub fn into_payload(self, process_id: &str) -> Payload {
        let mut payload = Payload {
            process_id: process_id.to_owned(),
            ..Payload::default()
        };
        match self {
            Self::Stdin(bytes) => {
                payload.source = Some(Source::STDIN);
                payload.data = Some(match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(error) => {
                        payload.data_base64 = Some(base64::encode(error.as_bytes()));
                        String::from_utf8_lossy(error.as_bytes()).into_owned()
                    }
                });
            }
            Self::StdinEnd => payload.source = Some(Source::STDIN),
            Self::Tty(tty) => payload.tty = Some(tty),
            Self::Signal(signal) => payload.signal = Some(signal),
            Self::Unknown => {}
        }
        payload
    }
}

impl fmt::Debug for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin(bytes) => f.debug_tuple("Stdin").field(&Hidden(bytes.len())).finish(),
            Self::StdinEnd => f.write_str("StdinEnd"),
            Self::Tty(tty) => f.debug_tuple("Tty").field(tty).finish(),
            Self::Signal(signal) => f.debug_tuple("Signal").field(signal).finish(),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

/// What a server says on the control socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// First: the process runs, or is attached to.
    Started {
        /// The process.
        process_id: String,
        /// Names this attachment; fit for a path, never empty.
        stream_id: String,
    },
    /// Last: the process ended.
    Exited {
        /// The process.
        process_id: String,
        /// Its status, or 128 and the signal.
        status: i64,
    },
    /// Last: how the process ended cannot be said.
    Failed {
        /// The process.
        process_id: String,
        /// Why.
        error: String,
    },
    /// Nothing that is known.
    Unknown,
}

impl ServerMessage {
    /// The meaning of a payload: an error comes before a status, both before a
    /// stream id.
    #[must_use]
    pub fn from_payload(payload: Payload) -> Self {
        let process_id = payload.process_id;
        match (payload.error, payload.exit_status, payload.stream_id) {
            (Some(error), _, _) => Self::Failed { process_id, error },
            (None, Some(status), _) => Self::Exited { process_id, status },
            (None, None, stream_id) if !stream_id.is_empty() => Self::Started {
                process_id,
                stream_id,
            },
            _ => Self::Unknown,
        }
    }

    /// The payload that says this.
    #[must_use]
    pub fn into_payload(self) -> Payload {
        let mut payload = Payload::default();
        match self {
            Self::Started {
                process_id,
                stream_id,
            } => {
                payload.process_id = process_id;
                payload.stream_id = stream_id;
            }
            Self::Exited { process_id, status } => {
                payload.process_id = process_id;
                payload.exit_status = Some(status);
            }
            Self::Failed { process_id, error } => {
                payload.process_id = process_id;
                payload.error = Some(error);
            }
            Self::Unknown => {}
        }
        payload
    }
}
