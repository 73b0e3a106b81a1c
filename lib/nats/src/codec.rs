//! What goes over the wire, in both directions.
//!
//! ```text
//! server: INFO {json}  MSG subject sid [reply] length CR LF payload  PING  PONG  +OK  -ERR 'text'
//! client: CONNECT {json}  SUB subject sid  PUB subject length CR LF payload  PING  PONG
//! ```
//!
//! Every line ends with CR LF (a bare LF is taken as well). Headers are not asked for, so `HMSG`
//! does not occur.

use serde::{Deserialize, Serialize};

/// Longest line without its payload.
pub const LINE_LIMIT: usize = 256 * 1024;
/// Longest payload.
pub const PAYLOAD_LIMIT: usize = 64 * 1024 * 1024;

/// What a server says about itself; more is not used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// Longest payload it takes.
    pub max_payload: usize,
    /// It speaks nothing but TLS from here on.
    pub tls_required: bool,
    /// It speaks TLS if one wants.
    pub tls_available: bool,
    /// Its version.
    pub version: String,
}

/// One message of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// About the server; the first, and whenever something changes.
    Info(ServerInfo),
    /// A message of a subscription.
    Message {
        /// To what it was published.
        subject: String,
        /// Where an answer goes.
        reply: Option<String>,
        /// Content.
        payload: Vec<u8>,
    },
    /// Wants a pong.
    Ping,
    /// Answers a ping.
    Pong,
    /// All well, in verbose mode.
    Ok,
    /// Something is wrong.
    Error(String),
}

/// Bytes that are no NATS.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// A line that never ends.
    #[error("the server sends a line longer than {LINE_LIMIT} bytes")]
    Line,
    /// An operation that does not exist.
    #[error("the server sends an operation that NATS does not have")]
    Operation,
    /// A message whose head is wrong.
    #[error("the server sends a message whose head cannot be read")]
    Head,
    /// A payload that is too long, or has no end.
    #[error("the server sends a payload that is too long or not ended")]
    Payload,
    /// An INFO that is no JSON.
    #[error("the server's INFO cannot be read")]
    Info(#[source] serde_json::Error),
}

/// Bytes in, operations out.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// What of the buffer is used up.
    done: usize,
    /// Up to where there is no line end.
    searched: usize,
}

impl Decoder {
    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.done > 0 {
            self.buffer.drain(..self.done);
            self.searched -= self.done;
            self.done = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes have been taken but not used.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.done
    }

    /// The next operation, if it is complete.
    ///
    /// # Errors
    ///
    /// [`CodecError`]; nothing that follows can be read then.
    pub fn next_operation(&mut self) -> Result<Option<Operation>, CodecError> {
        let from = self.searched.max(self.done);
        let Some(end) = self.buffer[from..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return if self.pending() > LINE_LIMIT {
                Err(CodecError::Line)
            } else {
                Ok(None)
            };
        };
        let end = from + end;
        self.searched = end;
        let line = &self.buffer[self.done..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let split = line.iter().position(|byte| *byte == b' ' || *byte == b'\t');
        let (word, rest) = split.map_or((line, &[][..]), |at| (&line[..at], &line[at + 1..]));
        let operation = if word.eq_ignore_ascii_case(b"MSG") {
            let (subject, reply, length) = head(rest).ok_or(CodecError::Head)?;
            if length > PAYLOAD_LIMIT {
                return Err(CodecError::Payload);
            }
            let start = end + 1;
            let Some(after) = self.buffer.get(start + length..) else {
                return Ok(None);
            };
            let skip = match after {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                [] | [b'\r'] => return Ok(None),
                _ => return Err(CodecError::Payload),
            };
            let payload = self.buffer[start..start + length].to_vec();
            self.done = start + length + skip;
            self.searched = self.done;
            return Ok(Some(Operation::Message {
                subject,
                reply,
                payload,
            }));
        } else if word.eq_ignore_ascii_case(b"INFO") {
            Operation::Info(serde_json::from_slice(rest).map_err(CodecError::Info)?)
        } else if word.eq_ignore_ascii_case(b"PING") {
            Operation::Ping
        } else if word.eq_ignore_ascii_case(b"PONG") {
            Operation::Pong
        } else if word.eq_ignore_ascii_case(b"+OK") {
            Operation::Ok
        } else if word.eq_ignore_ascii_case(b"-ERR") {
            let text = String::from_utf8_lossy(rest);
            Operation::Error(text.trim().trim_matches('\'').to_owned())
        } else {
            return Err(CodecError::Operation);
        };
        self.done = end + 1;
        self.searched = self.done;
        Ok(Some(operation))
    }
}

fn head(rest: &[u8]) -> Option<(String, Option<String>, usize)> {
    let text = std::str::from_utf8(rest).ok()?;
    let parts: Vec<&str> = text.split_ascii_whitespace().collect();
    let (subject, reply, length) = match parts[..] {
        [subject, _, length] => (subject, None, length),
        [subject, _, reply, length] => (subject, Some(reply.to_owned()), length),
        _ => return None,
    };
    Some((subject.to_owned(), reply, length.parse().ok()?))
}

/// What a client says about itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Connect<'a> {
    /// No answer to each operation.
    pub verbose: bool,
    /// No checks of subjects.
    pub pedantic: bool,
    /// TLS is in use.
    pub tls_required: bool,
    /// For the server's log.
    pub name: &'a str,
    /// Language of the client.
    pub lang: &'a str,
    /// Its version.
    pub version: &'a str,
    /// 1: later INFOs are understood.
    pub protocol: u8,
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// Password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<&'a str>,
}

impl Connect<'_> {
    /// The line.
    ///
    /// # Errors
    ///
    /// None that a value of this type can cause.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = b"CONNECT ".to_vec();
        serde_json::to_writer(&mut line, self)?;
        line.extend_from_slice(b"\r\n");
        Ok(line)
    }
}

/// A subscription.
#[must_use]
pub fn subscribe(subject: &str, id: usize) -> Vec<u8> {
    format!("SUB {subject} {id}\r\n").into_bytes()
}

/// A message.
#[must_use]
pub fn publish(subject: &str, payload: &[u8]) -> Vec<u8> {
    let mut frame = format!("PUB {subject} {}\r\n", payload.len()).into_bytes();
    frame.extend_from_slice(payload);
    frame.extend_from_slice(b"\r\n");
    frame
}

/// Whether a subject can be written in a line, and has no wildcard.
#[must_use]
pub fn is_subject(subject: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b'>')
    };
    subject.len() <= 1024 && subject.split('.').all(is_token)
}

#[cfg(test)]
mod tests {
    use super::{CodecError, Decoder, Operation, is_subject, publish};
    use proptest::prelude::*;

    fn all(decoder: &mut Decoder) -> Vec<Operation> {
        std::iter::from_fn(|| decoder.next_operation().unwrap()).collect()
    }

    const STREAM: &[u8] = b"INFO {\"max_payload\":10,\"tls_required\":true,\"x\":[]}\r\nPING\r\n\
        MSG a.b 1 3\r\nx\r\n\r\nmsg a.b 1 re.ply 0\r\n\r\n+OK\r\n-ERR 'Authorization Violation'\r\n\
        PONG\r\n";

    #[test]
    fn a_stream_is_read_however_it_is_cut() {
        let mut whole = Decoder::default();
        whole.feed(STREAM);
        let expected = all(&mut whole);
        assert_eq!(expected.len(), 7);
        let Operation::Message { payload, .. } = &expected[2] else {
            panic!("no message")
        };
        assert_eq!(payload, b"x\r\n");
        assert_eq!(
            expected[5],
            Operation::Error("Authorization Violation".to_owned())
        );
        for size in 1..STREAM.len() {
            let mut decoder = Decoder::default();
            let mut read = Vec::new();
            for piece in STREAM.chunks(size) {
                decoder.feed(piece);
                read.extend(all(&mut decoder));
            }
            assert_eq!(read, expected, "pieces of {size}");
            assert_eq!(decoder.pending(), 0);
        }
    }

    #[test]
    fn what_is_no_nats_is_refused() {
        for bad in [
            &b"HTTP/1.1 400\r\n"[..],
            b"MSG a 1\r\n",
            b"MSG a 1 x\r\n",
            b"MSG a 1 99999999999\r\n",
            b"MSG a 1 1\r\nxyz",
            b"INFO {\r\n",
            b"\r\n",
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(bad);
            assert!(decoder.next_operation().is_err(), "{bad:?}");
        }
        let mut decoder = Decoder::default();
        decoder.feed(&vec![b'x'; super::LINE_LIMIT + 1]);
        assert!(matches!(decoder.next_operation(), Err(CodecError::Line)));
    }

    #[test]
    fn subjects() {
        assert!(is_subject("director.a.b.c"));
        for bad in ["", "a..b", "a b", "a.*", "a.>", "a\r\nPUB"] {
            assert!(!is_subject(bad), "{bad:?}");
        }
        assert_eq!(publish("a", b"xy"), b"PUB a 2\r\nxy\r\n");
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(pieces: Vec<Vec<u8>>) {
            let mut decoder = Decoder::default();
            for piece in pieces {
                decoder.feed(&piece);
                while let Ok(Some(_)) = decoder.next_operation() {}
            }
        }
    }
}
