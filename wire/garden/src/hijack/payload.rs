//! The one shape of all objects on the control socket.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::{self, JsonError};
use crate::number::{is_zero, open_number};
use crate::process::{Signal, TtySpec};
use crate::redact::Hidden;

open_number! {
    /// A stream of a process.
    Source(i64) {
        /// Input.
        STDIN = 0,
        /// Output.
        STDOUT = 1,
        /// Error output.
        STDERR = 2,
    }
}

/// An object of the control socket. What it means lies in which fields are
/// there, not in their values: 0 is a signal, a status and a stream.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Payload {
    /// The process. Clients send it too; the socket says it already.
    #[serde(skip_serializing_if = "is_zero")]
    pub process_id: String,
    /// Names this attachment in the paths of the output sockets.
    #[serde(skip_serializing_if = "is_zero")]
    pub stream_id: String,
    /// Which stream `data` belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Bytes of the stream, as text; absent beside `source` is its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// How the process ended: its status, or 128 and the signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i64>,
    /// Why there is no exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// New settings of the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<TtySpec>,
    /// A signal for the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// Bytes of the stream, exactly; not known to stock servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

impl Payload {
    /// Appends the object and a newline.
    ///
    /// # Errors
    ///
    /// As [`json::encode`]; every payload has a JSON form.
    pub fn encode_to(&self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        out.extend_from_slice(&json::encode(self)?);
        Ok(())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |text: &Option<String>| text.as_ref().map(|text| Hidden(text.len()));
        f.debug_struct("Payload")
            .field("process_id", &self.process_id)
            .field("stream_id", &self.stream_id)
            .field("source", &self.source)
            .field("data", &length(&self.data))
            .field("exit_status", &self.exit_status)
            .field("error", &self.error)
            .field("tty", &self.tty)
            .field("signal", &self.signal)
            .field("data_base64", &length(&self.data_base64))
            .finish()
    }
}
