//! Received messages: splitting datagrams, acknowledgements.
//!
//! Payload of an acknowledgement ([`kind::ERROR`]):
//!
//! ```text
//! error i32 | header of the request (16) | request payload unless capped | extended-ack attributes
//! ```
//!
//! and of the end of a dump ([`kind::DONE`]): `error i32 | extended-ack attributes`.

use rustix::io::Errno;

use crate::{Attributes, HEADER_LEN, KernelError, ParseError, align, flags, kind};

/// Extended-ack attributes (`NLMSGERR_ATTR_*`).
const ACK_MESSAGE: u16 = 1;
const ACK_OFFSET: u16 = 2;

/// One received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message type.
    pub kind: u16,
    /// Message flags.
    pub flags: u16,
    /// Sequence number: that of the request it answers, or of the change it reports.
    pub seq: u32,
    /// Port of the socket whose request caused the message; 0 for the kernel itself.
    pub port: u32,
    /// Family header and attributes.
    pub payload: Vec<u8>,
}

/// Splits a datagram into its messages. A message cut short is an error.
pub fn split(datagram: &[u8]) -> Result<Vec<Message>, ParseError> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while rest.len() >= HEADER_LEN {
        let word =
            |at: usize| u32::from_ne_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([rest[at], rest[at + 1]]);
        let len = usize::try_from(word(0)).unwrap_or(usize::MAX);
        if len < HEADER_LEN {
            return Err(ParseError::BadLength { length: len });
        }
        if len > rest.len() {
            return Err(ParseError::Truncated {
                needed: len,
                available: rest.len(),
            });
        }
        messages.push(Message {
            kind: half(4),
            flags: half(6),
            seq: word(8),
            port: word(12),
            payload: rest[HEADER_LEN..len].to_vec(),
        });
        rest = rest.get(align(len)..).unwrap_or_default();
    }
    if rest.is_empty() {
        Ok(messages)
    } else {
        Err(ParseError::Truncated {
            needed: HEADER_LEN,
            available: rest.len(),
        })
    }
}

impl Message {
    /// Whether this answers a request with success or failure.
    #[must_use]
    pub fn is_ack(&self) -> bool {
        self.kind == kind::ERROR
    }

    /// For an acknowledgement or the end of a dump: `Ok(None)` is success,
    /// `Ok(Some(_))` the kernel's refusal. Any other message has no status
    /// and gives `Ok(None)`.
    pub fn status(&self) -> Result<Option<KernelError>, ParseError> {
        let is_done = self.kind == kind::DONE;
        if !self.is_ack() && !is_done {
            return Ok(None);
        }
        let Some(code) = self.payload.first_chunk::<4>() else {
            // Old protocols end a dump without a code.
            return if is_done {
                Ok(None)
            } else {
                Err(ParseError::Truncated {
                    needed: 4,
                    available: self.payload.len(),
                })
            };
        };
        let code = i32::from_ne_bytes(*code);
        if code == 0 {
            return Ok(None);
        }
        let mut error = KernelError {
            errno: Errno::from_raw_os_error(code.wrapping_neg().clamp(1, 4095)),
            message: None,
            offset: None,
        };
        if self.flags & flags::ACK_TLVS != 0 {
            for attribute in Attributes::new(self.ack_attributes(is_done)?) {
                let attribute = attribute?;
                match attribute.kind {
                    ACK_MESSAGE => error.message = Some(attribute.str_lossy()),
                    ACK_OFFSET => error.offset = Some(attribute.u32()?),
                    _ => {}
                }
            }
        }
        Ok(Some(error))
    }

    /// The extended-ack attributes, which follow the request as far as it is echoed.
    fn ack_attributes(&self, is_done: bool) -> Result<&[u8], ParseError> {
        let start = if is_done {
            4
        } else {
            let available = self.payload.len();
            let len = self
                .payload
                .get(4..8)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u32::from_ne_bytes)
                .ok_or(ParseError::Truncated {
                    needed: 4 + HEADER_LEN,
                    available,
                })?;
            let echoed = if self.flags & flags::CAPPED != 0 {
                HEADER_LEN
            } else {
                usize::try_from(len).unwrap_or(usize::MAX).max(HEADER_LEN)
            };
            align(echoed).saturating_add(4)
        };
        self.payload.get(start..).ok_or(ParseError::Truncated {
            needed: start,
            available: self.payload.len(),
        })
    }
}
