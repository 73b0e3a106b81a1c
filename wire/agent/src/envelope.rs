//! Requests and responses.
//!
//! ```text
//! {"protocol":3,"method":"apply","arguments":[{}],"reply_to":"director.U.A.R"}
//! {"value":"pong"}   {"value":{"agent_task_id":"T","state":"running"}}
//! {"exception":{"message":"Action Failed apply: ..."}}
//! ```
//!
//! A request without `protocol` is of protocol 0, as the tools of create-env send it. The value of
//! a finished task is bare: it has neither a key `value` nor `state` with `agent_task_id`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warren_lib_gojson::{JsonError, decode, encode_bare};

/// The protocol that directors speak today.
pub const PROTOCOL: i64 = 3;
/// What NATS carries by default, in bytes.
pub const MAX_PAYLOAD: usize = 1024 * 1024;
/// What replaces the middle of a text that is too long.
const CUT: &str = "...[truncated]...";

/// A request.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Version of the protocol; 0 when absent.
    pub protocol: i64,
    /// Name of the method.
    pub method: String,
    /// Arguments by position.
    pub arguments: Vec<Value>,
    /// Subject of the response; empty when none is wanted.
    pub reply_to: String,
}

impl std::fmt::Debug for Request {
    /// Without the arguments, which hold keys and signed URLs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("protocol", &self.protocol)
            .field("method", &self.method)
            .field("arguments", &self.arguments.len())
            .field("reply_to", &self.reply_to)
            .finish()
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`JsonError`] when it is no JSON object of this shape; such a request gets no response.
    pub fn decode(bytes: &[u8]) -> Result<Self, JsonError> {
        decode(bytes)
    }

    /// Writes a request.
    ///
    /// # Errors
    ///
    /// None that a value of this type can cause.
    pub fn encode(&self) -> Result<Vec<u8>, JsonError> {
        encode_bare(self)
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// The method's value, or the state of the task it became.
    Value(Value),
    /// What went wrong, in words.
    Exception(String),
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireException {
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireResponse {
    value: Value,
    exception: Option<WireException>,
}

impl Response {
    /// A failed action, in the words that directors look for.
    #[must_use]
    pub fn failed(method: &str, why: &str) -> Self {
        Self::Exception(format!("Action Failed {method}: {why}"))
    }

    /// A method that does not exist, in the words that directors look for.
    #[must_use]
    pub fn unknown(method: &str) -> Self {
        Self::Exception(format!("unknown message {method}"))
    }

    /// Reads a response.
    ///
    /// # Errors
    ///
    /// [`JsonError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, JsonError> {
        let wire: WireResponse = decode(bytes)?;
        Ok(match wire.exception {
            Some(exception) => Self::Exception(exception.message),
            None => Self::Value(wire.value),
        })
    }

    /// Writes a response of at most `limit` bytes: the text of an exception loses its middle, a
    /// value that is too long becomes an exception.
    ///
    /// # Errors
    ///
    /// None that a value of this type can cause.
    pub fn encode(&self, limit: usize) -> Result<Vec<u8>, JsonError> {
        let bytes = self.encode_all()?;
        if bytes.len() <= limit {
            return Ok(bytes);
        }
        let Self::Exception(message) = self else {
            let text = "Response exceeded maximum allowed length".to_owned();
            return Self::Exception(text).encode_all();
        };
        // Escapes make a text at most six times as long.
        let mut keep = limit.saturating_sub(64) / 2;
        loop {
            let cut = Self::Exception(shortened(message, keep)).encode_all()?;
            if cut.len() <= limit || keep == 0 {
                return Ok(cut);
            }
            keep = keep * limit / cut.len().max(1);
            keep = keep.saturating_sub(16);
        }
    }

    fn encode_all(&self) -> Result<Vec<u8>, JsonError> {
        #[derive(Serialize)]
        #[serde(rename_all = "lowercase")]
        enum Wire<'a> {
            Value(&'a Value),
            Exception { message: &'a str },
        }
        encode_bare(&match self {
            Self::Value(value) => Wire::Value(value),
            Self::Exception(message) => Wire::Exception { message },
        })
    }
}

fn shortened(text: &str, keep: usize) -> String {
    let head = text.floor_char_boundary(keep.min(text.len()));
    let mut tail = text.len().saturating_sub(keep).max(head);
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}{CUT}{}", &text[..head], &text[tail..])
}

/// A task that has not finished.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskState {
    /// Name of the task, for `get_task` and `cancel_task`.
    pub agent_task_id: String,
    /// Always `running`.
    pub state: String,
}

impl TaskState {
    /// The answer while a task runs.
    #[must_use]
    pub fn running(id: &str) -> Self {
        Self {
            agent_task_id: id.to_owned(),
            state: "running".to_owned(),
        }
    }

    /// Whether a response's value says that a task runs, as directors decide it.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |key: &str| object.get(key)?.as_str().map(str::to_owned);
        Some(Self {
            agent_task_id: text("agent_task_id")?,
            state: text("state")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, Response, TaskState};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn requests_are_read_as_go_reads_them() {
        let request = Request::decode(br#"{"METHOD":"ping","Arguments":null,"x":1}"#).unwrap();
        assert_eq!((request.protocol, &*request.method), (0, "ping"));
        assert!(request.arguments.is_empty());
        assert!(Request::decode(b"[1]").is_err());
        assert!(Request::decode(b"{").is_err());
    }

    #[test]
    fn long_responses() {
        let text = format!("head{}tail", "<".repeat(3000));
        let bytes = Response::Exception(text).encode(1000).unwrap();
        assert!(bytes.len() <= 1000, "{}", bytes.len());
        let Response::Exception(read) = Response::decode(&bytes).unwrap() else {
            panic!("no exception");
        };
        assert!(read.starts_with("head") && read.ends_with("tail"), "{read}");
        assert!(read.contains("...[truncated]..."));
        let bytes = Response::Value(json!("x".repeat(3000)))
            .encode(1000)
            .unwrap();
        let expected = "Response exceeded maximum allowed length".to_owned();
        assert_eq!(
            Response::decode(&bytes).unwrap(),
            Response::Exception(expected)
        );
    }

    #[test]
    fn tasks_are_told_from_values() {
        let running = serde_json::to_value(TaskState::running("t")).unwrap();
        assert_eq!(TaskState::of(&running).unwrap().agent_task_id, "t");
        assert_eq!(TaskState::of(&json!({"state": "running"})), None);
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = Request::decode(&bytes);
            let _ = Response::decode(&bytes);
        }

        #[test]
        fn cut_texts_fit(text in "\\PC{0,400}", limit in 120usize..400) {
            let bytes = Response::Exception(text).encode(limit).unwrap();
            prop_assert!(bytes.len() <= limit);
        }
    }
}
