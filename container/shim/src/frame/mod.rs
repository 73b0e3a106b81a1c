//! The frames of the shim's socket: a codec without I/O.
//!
//! ```text
//!   u8 kind   u32 length (little endian)   payload, at most 1 MiB
//! ```
//!
//! | kind | frame | payload | sent by |
//! |---|---|---|---|
//! | 1 | `Request` | JSON, a [`Request`](crate::wire::Request) | client, first |
//! | 2 | `Stdin` | bytes | client |
//! | 3 | `StdinEnd` | – | client |
//! | 4 | `Window` | u16 columns, u16 rows | client |
//! | 5 | `Signal` | i32 number | client |
//! | 6 | `Data` | bytes of an archive | both |
//! | 7 | `End` | – | both |
//! | 8 | `Detach` | – | client, last; if [`Started`](crate::wire::Started) says `resumes` |
//! | 9 | `Delivered` | u8 stream (1 or 2), u64 bytes | client, likewise |
//! | 16 | `Ok` | JSON | shim |
//! | 17 | `Failed` | JSON, a [`Failure`](crate::wire::Failure) | shim |
//! | 18 | `Stdout` | bytes | shim |
//! | 19 | `Stderr` | bytes | shim |
//! | 20 | `Lost` | u8 stream (1 or 2), u64 bytes | shim |
//! | 21 | `Exit` | u8 0 status or 1 signal, i32 | shim, last |
//!
//! Numbers are little endian. Any input decodes to frames or to an [`Error`], and no length that a
//! peer claims is allocated before its bytes have come.

mod archive;
mod blocking;
#[cfg(test)]
mod tests;

use crate::exit::Exit;

pub use archive::ArchiveReader;
pub use blocking::{ReadError, read, write};

/// The longest payload, in bytes.
pub const LONGEST: usize = 1 << 20;
/// Bytes before the payload.
pub const HEADER: usize = 5;

/// Which of a process's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, and all output of a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// What the client wants, as JSON.
    Request(Vec<u8>),
    /// Input for the process.
    Stdin(Vec<u8>),
    /// No more input.
    StdinEnd,
    /// The terminal's new size; 0 keeps the default of 80 by 24.
    Window {
        /// Characters in a line.
        columns: u16,
        /// Lines.
        rows: u16,
    },
    /// A signal for the session's process.
    Signal(i32),
    /// A piece of an archive.
    Data(Vec<u8>),
    /// The archive is complete.
    End,
    /// The session hangs up: whoever it was for wants no more. Without it the session was cut off.
    Detach,
    /// So many more bytes of this stream have got to whom they are for, or are not wanted: they need
    /// not be kept for another session.
    Delivered {
        /// Of which stream.
        stream: Stream,
        /// How many.
        bytes: u64,
    },
    /// Done; JSON that depends on the request.
    Ok(Vec<u8>),
    /// Not done, as JSON.
    Failed(Vec<u8>),
    /// Output of the process.
    Output(Stream, Vec<u8>),
    /// This session was too slow: so many bytes of this stream are not coming.
    Lost {
        /// Of which stream.
        stream: Stream,
        /// How many.
        bytes: u64,
    },
    /// The process has ended and all its output has been sent.
    Exit(Exit),
}

/// What no peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a kind of this protocol.
    #[error("there is no frame of kind {0}")]
    Kind(u8),
    /// Longer than [`LONGEST`].
    #[error("a frame of {0} bytes is longer than {LONGEST}")]
    TooLong(u64),
    /// The payload of this kind has another length or meaning.
    #[error("a frame of kind {0} has a malformed payload")]
    Payload(u8),
}

const REQUEST: u8 = 1;
const STDIN: u8 = 2;
const STDIN_END: u8 = 3;
const WINDOW: u8 = 4;
const SIGNAL: u8 = 5;
const DATA: u8 = 6;
const END: u8 = 7;
const DETACH: u8 = 8;
const DELIVERED: u8 = 9;
const OK: u8 = 16;
const FAILED: u8 = 17;
const STDOUT: u8 = 18;
const STDERR: u8 = 19;
const LOST: u8 = 20;
const EXIT: u8 = 21;

/// The header of a frame of output or data whose payload follows by itself.
///
/// # Errors
/// [`Error::TooLong`].
pub fn output_header(stream: Option<Stream>, length: usize) -> Result<[u8; HEADER], Error> {
    let kind = match stream {
        Some(Stream::Stdout) => STDOUT,
        Some(Stream::Stderr) => STDERR,
        None => DATA,
    };
    header(kind, length)
}

fn header(kind: u8, length: usize) -> Result<[u8; HEADER], Error> {
    let length = u32::try_from(length)
        .ok()
        .filter(|length| *length as usize <= LONGEST)
        .ok_or(Error::TooLong(length as u64))?;
    let [a, b, c, d] = length.to_le_bytes();
    Ok([kind, a, b, c, d])
}

/// Appends a frame to `to`.
///
/// # Errors
/// [`Error::TooLong`]; `to` is then as it was.
pub fn encode(frame: &Frame, to: &mut Vec<u8>) -> Result<(), Error> {
    let mut put = |kind, payload: &[u8]| {
        let header = header(kind, payload.len())?;
        to.reserve(HEADER + payload.len());
        to.extend_from_slice(&header);
        to.extend_from_slice(payload);
        Ok(())
    };
    match frame {
        Frame::Request(json) => put(REQUEST, json),
        Frame::Stdin(bytes) => put(STDIN, bytes),
        Frame::StdinEnd => put(STDIN_END, &[]),
        Frame::Window { columns, rows } => {
            let ([a, b], [c, d]) = (columns.to_le_bytes(), rows.to_le_bytes());
            put(WINDOW, &[a, b, c, d])
        }
        Frame::Signal(number) => put(SIGNAL, &number.to_le_bytes()),
        Frame::Data(bytes) => put(DATA, bytes),
        Frame::End => put(END, &[]),
        Frame::Ok(json) => put(OK, json),
        Frame::Failed(json) => put(FAILED, json),
        Frame::Output(Stream::Stdout, bytes) => put(STDOUT, bytes),
        Frame::Output(Stream::Stderr, bytes) => put(STDERR, bytes),
        Frame::Detach => put(DETACH, &[]),
        Frame::Delivered { stream, bytes } => put(DELIVERED, &amount(*stream, *bytes)),
        Frame::Lost { stream, bytes } => put(LOST, &amount(*stream, *bytes)),
        Frame::Exit(exit) => {
            let (how, number) = match exit {
                Exit::Status(status) => (0, status),
                Exit::Signal(signal) => (1, signal),
            };
            let [a, b, c, d] = number.to_le_bytes();
            put(EXIT, &[how, a, b, c, d])
        }
    }
}

fn amount(stream: Stream, bytes: u64) -> [u8; 9] {
    let mut payload = [0; 9];
    payload[0] = match stream {
        Stream::Stdout => 1,
        Stream::Stderr => 2,
    };
    payload[1..].copy_from_slice(&bytes.to_le_bytes());
    payload
}

fn decode_amount(payload: &[u8]) -> Option<(Stream, u64)> {
    let (which, bytes) = payload.split_first()?;
    let stream = match which {
        1 => Stream::Stdout,
        2 => Stream::Stderr,
        _ => return None,
    };
    Some((stream, u64::from_le_bytes(bytes.try_into().ok()?)))
}

/// Splits a header: kind and length of the payload.
///
/// # Errors
/// [`Error::Kind`] and [`Error::TooLong`].
pub fn decode_header(header: [u8; HEADER]) -> Result<(u8, usize), Error> {
    let [kind, a, b, c, d] = header;
    if !matches!(kind, REQUEST..=DELIVERED | OK..=EXIT) {
        return Err(Error::Kind(kind));
    }
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > LONGEST {
        return Err(Error::TooLong(length as u64));
    }
    Ok((kind, length))
}

/// Makes a frame of its parts.
///
/// # Errors
/// [`Error::Kind`] and [`Error::Payload`].
pub fn decode_payload(kind: u8, payload: &[u8]) -> Result<Frame, Error> {
    let malformed = Error::Payload(kind);
    let empty = |frame| {
        if payload.is_empty() {
            Ok(frame)
        } else {
            Err(malformed)
        }
    };
    match kind {
        REQUEST => Ok(Frame::Request(payload.to_vec())),
        STDIN => Ok(Frame::Stdin(payload.to_vec())),
        STDIN_END => empty(Frame::StdinEnd),
        WINDOW => match *payload {
            [a, b, c, d] => Ok(Frame::Window {
                columns: u16::from_le_bytes([a, b]),
                rows: u16::from_le_bytes([c, d]),
            }),
            _ => Err(malformed),
        },
        SIGNAL => match *payload {
            [a, b, c, d] => Ok(Frame::Signal(i32::from_le_bytes([a, b, c, d]))),
            _ => Err(malformed),
        },
        DATA => Ok(Frame::Data(payload.to_vec())),
        END => empty(Frame::End),
        DETACH => empty(Frame::Detach),
        DELIVERED => decode_amount(payload)
            .map(|(stream, bytes)| Frame::Delivered { stream, bytes })
            .ok_or(malformed),
        OK => Ok(Frame::Ok(payload.to_vec())),
        FAILED => Ok(Frame::Failed(payload.to_vec())),
        STDOUT => Ok(Frame::Output(Stream::Stdout, payload.to_vec())),
        STDERR => Ok(Frame::Output(Stream::Stderr, payload.to_vec())),
        LOST => decode_amount(payload)
            .map(|(stream, bytes)| Frame::Lost { stream, bytes })
            .ok_or(malformed),
        EXIT => match *payload {
            [0, a, b, c, d] => Ok(Frame::Exit(Exit::Status(i32::from_le_bytes([a, b, c, d])))),
            [1, a, b, c, d] => Ok(Frame::Exit(Exit::Signal(i32::from_le_bytes([a, b, c, d])))),
            _ => Err(malformed),
        },
        other => Err(Error::Kind(other)),
    }
}

/// Takes bytes as they come and gives frames.
///
/// After an error the stream cannot be understood any more: every later call gives the same error.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How far `bytes` has been decoded.
    done: usize,
    broken: Option<Error>,
}

impl Decoder {
    /// One that has seen nothing. Allocates nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.done > 0 {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        if self.broken.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next whole frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// What the peer sent is no frame.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let result = self.decode();
        match &result {
            Err(error) => {
                self.broken = Some(*error);
                self.bytes = Vec::new();
                self.done = 0;
            }
            // What is idle holds no memory.
            Ok(None) if self.done == self.bytes.len() => {
                self.bytes = Vec::new();
                self.done = 0;
            }
            Ok(_) => {}
        }
        result
    }

    /// Bytes that were fed and belong to no frame given out yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.bytes.len() - self.done
    }

    fn decode(&mut self) -> Result<Option<Frame>, Error> {
        let rest = self.bytes.get(self.done..).unwrap_or_default();
        let Some((header, rest)) = rest.split_first_chunk::<HEADER>() else {
            // A bad kind is bad as soon as it is seen.
            return match rest.first() {
                Some(kind) => decode_header([*kind, 0, 0, 0, 0]).map(|_| None),
                None => Ok(None),
            };
        };
        let (kind, length) = decode_header(*header)?;
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = decode_payload(kind, payload)?;
        self.done += HEADER + length;
        Ok(Some(frame))
    }
}
