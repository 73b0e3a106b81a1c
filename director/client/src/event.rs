//! Lines of an event log: JSON objects, one a line.
//!
//! A line is anything until it is read: [`Event::parse`] is total and strict about types, as the
//! stock command line is, but a bad line is an error here and no end of the program.

use serde::Deserialize;

/// Most bytes of a line.
pub const MOST_BYTES: usize = 1 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// Seconds since 1970.
    #[serde(default)]
    pub time: i64,
    /// `warning` or `deprecation`, or neither.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// What a warning says.
    #[serde(default)]
    pub message: Option<String>,
    /// What many tasks belong to.
    #[serde(default)]
    pub stage: Option<String>,
    /// What the stage is about.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// What is done.
    #[serde(default)]
    pub task: Option<String>,
    /// `started`, `in_progress`, `finished` or `failed`.
    #[serde(default)]
    pub state: Option<String>,
    /// More about it.
    #[serde(default)]
    pub data: Option<Data>,
    /// Why the director's task failed.
    #[serde(default)]
    pub error: Option<Failure>,
}

/// More about an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Data {
    /// What is being done.
    #[serde(default)]
    pub status: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// Why a task of the director failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// Its number.
    #[serde(default)]
    pub code: i64,
    /// In words.
    #[serde(default)]
    pub message: Option<String>,
}

/// A line that is no event.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// Not such an object.
    #[error("not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// Something else than an object.
    #[error("not an event: no object")]
    NoObject,
    /// Longer than [`MOST_BYTES`].
    #[error("not an event: a line of more than {MOST_BYTES} bytes")]
    TooLong,
}

impl Event {
    /// Reads a line.
    ///
    /// # Errors
    /// [`InvalidEvent`].
    pub fn parse(line: &[u8]) -> Result<Self, InvalidEvent> {
        if line.len() > MOST_BYTES {
            return Err(InvalidEvent::TooLong);
        }
        // A list would do for serde.
        match line.trim_ascii_start().first() {
            Some(b'{') => Ok(serde_json::from_slice(line)?),
            _ => Err(InvalidEvent::NoObject),
        }
    }

    /// Whether both are about the same piece of work.
    pub fn is_same(&self, other: &Event) -> bool {
        self.stage == other.stage && self.tags == other.tags && self.task == other.task
    }
}

/// Cuts a stream into lines; the bytes of a line that never ends are not kept.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds bytes and gives each line that is whole now, without its end and if it is not empty.
    pub fn push(&mut self, bytes: &[u8], see: &mut dyn FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            // One byte more than is allowed shows that it is too long.
            let room = (MOST_BYTES + 2).saturating_sub(self.rest.len());
            let (whole, is_end) = match piece.split_last() {
                Some((b'\n', line)) => (line, true),
                _ => (piece, false),
            };
            self.rest
                .extend_from_slice(whole.get(..whole.len().min(room)).unwrap_or_default());
            if is_end {
                self.end(see);
            }
        }
    }

    /// Gives what is left as a line.
    pub fn end(&mut self, see: &mut dyn FnMut(&[u8])) {
        let line = std::mem::take(&mut self.rest);
        if !line.is_empty() {
            see(&line);
        }
    }
}
