//! Objects out of a byte stream that is cut anywhere.
//!
//! A small state machine finds where an object ends; only then is it parsed.
//!
//! ```text
//!            '{'               last '}' or ']'
//! Between ────────▶ Inside ─────────────────────▶ Between, one payload
//!    │                │ ▲
//!    │ other byte   '"'│ │'"'
//!    ▼                ▼ │      '\'
//! broken            String ◀─────────▶ Escaped
//! ```
//!
//! White space between objects is skipped. Memory: the bytes of one unfinished
//! object, never more than the limit, and while one is parsed its values.

use super::payload::Payload;
use crate::json::{self, JsonError};

/// The limit unless another is given: 64 MiB. Stock clients send a buffer they
/// were given as one object, however large, so it is generous.
pub const DEFAULT_LIMIT: usize = 64 << 20;

/// Room kept for the next object; larger buffers are given back.
const KEEP: usize = 64 << 10;

/// Why the next object cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// An object ended but is not a payload. What follows it can be read.
    #[error("process payload")]
    Malformed(#[source] JsonError),
    /// Something other than an object began. Nothing more can be read.
    #[error("process stream: unexpected byte 0x{0:02x} between objects")]
    NotAnObject(u8),
    /// An object grew beyond the limit. Nothing more can be read.
    #[error("process stream: an object of more than {0} bytes")]
    TooLong(usize),
}

impl DecodeError {
    /// Whether the stream is of no more use.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Malformed(_))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Inside,
    String,
    Escaped,
    /// For good; the byte or limit that broke the stream.
    Broken(Broken),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Byte(u8),
    Limit,
}

/// Finds payloads in a byte stream.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Open braces and brackets; bounded by the limit on bytes.
    depth: usize,
    object: Vec<u8>,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

impl Decoder {
    /// A decoder for objects of at most `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            state: State::Between,
            depth: 0,
            object: Vec::new(),
            limit,
        }
    }

    /// Takes bytes off the front of `input` until an object is complete or
    /// `input` is empty. Call again while `input` has bytes left.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; after a fatal one every further call gives it again and
    /// takes the whole input.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Payload>, DecodeError> {
        if self.state == State::Between {
            let start = input.iter().position(|byte| !is_space(*byte));
            let Some(start) = start else {
                *input = &[];
                return Ok(None);
            };
            *input = &input[start..];
        }
        let (taken, complete) = self.scan(input);
        self.object.extend_from_slice(&input[..taken]);
        *input = &input[taken..];
        if let State::Broken(broken) = self.state {
            *input = &[];
            self.object = Vec::new();
            return Err(match broken {
                Broken::Byte(byte) => DecodeError::NotAnObject(byte),
                Broken::Limit => DecodeError::TooLong(self.limit),
            });
        }
        if !complete {
            return Ok(None);
        }
        let payload = json::decode(&self.object).map_err(DecodeError::Malformed);
        self.object.clear();
        self.object.shrink_to(KEEP);
        payload.map(Some)
    }

    /// Whether the stream may end here: no object is half read.
    #[must_use]
    pub fn is_between_objects(&self) -> bool {
        self.state == State::Between
    }

    /// How many bytes belong to the current object, and whether it ends there.
    fn scan(&mut self, input: &[u8]) -> (usize, bool) {
        let room = self.limit - self.object.len();
        for (index, byte) in input.iter().copied().enumerate() {
            if matches!(self.state, State::Broken(_)) {
                return (0, false);
            }
            if index >= room {
                self.state = State::Broken(Broken::Limit);
                return (0, false);
            }
            self.state = match (self.state, byte) {
                (State::Between, b'{') => {
                    self.depth = 1;
                    State::Inside
                }
                (State::Between, other) => State::Broken(Broken::Byte(other)),
                (State::Inside, b'"') => State::String,
                (State::Inside, b'{' | b'[') => {
                    self.depth += 1;
                    State::Inside
                }
                (State::Inside, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.state = State::Between;
                        return (index + 1, true);
                    }
                    State::Inside
                }
                (State::String, b'"') => State::Inside,
                (State::String, b'\\') => State::Escaped,
                (State::Escaped, _) => State::String,
                (state, _) => state,
            };
        }
        if matches!(self.state, State::Broken(_)) {
            return (0, false);
        }
        (input.len(), false)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
