//! Reading attributes: a total iterator and typed getters.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{ParseError, align};

/// The two top bits of the type say "nested" and "network byte order".
const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;
const HEADER: usize = 4;

/// One attribute of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Type, without the nested and byte-order flags.
    pub kind: u16,
    /// Whether the sender set the nested flag (not all kernel code does).
    pub is_nested: bool,
    /// Payload, without padding.
    pub payload: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The payload as attributes of its own.
    #[must_use]
    pub fn nested(&self) -> Attributes<'a> {
        Attributes::new(self.payload)
    }

    fn array<const N: usize>(&self) -> Result<[u8; N], ParseError> {
        self.payload
            .try_into()
            .map_err(|_| ParseError::WrongLength {
                attribute: self.kind,
                expected: N,
                actual: self.payload.len(),
            })
    }

    /// An 8-bit integer.
    pub fn u8(&self) -> Result<u8, ParseError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 16-bit integer in host order.
    pub fn u16(&self) -> Result<u16, ParseError> {
        self.array().map(u16::from_ne_bytes)
    }

    /// A 32-bit integer in host order.
    pub fn u32(&self) -> Result<u32, ParseError> {
        self.array().map(u32::from_ne_bytes)
    }

    /// A 64-bit integer in host order.
    pub fn u64(&self) -> Result<u64, ParseError> {
        self.array().map(u64::from_ne_bytes)
    }

    /// A 16-bit integer in network order.
    pub fn be16(&self) -> Result<u16, ParseError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A 32-bit integer in network order.
    pub fn be32(&self) -> Result<u32, ParseError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 64-bit integer in network order.
    pub fn be64(&self) -> Result<u64, ParseError> {
        self.array().map(u64::from_be_bytes)
    }

    /// An IPv4 address.
    pub fn ipv4(&self) -> Result<Ipv4Addr, ParseError> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    /// An IPv6 address.
    pub fn ipv6(&self) -> Result<Ipv6Addr, ParseError> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    /// A string, up to the first NUL or the end of the payload.
    pub fn str(&self) -> Result<&'a str, ParseError> {
        let end = self
            .payload
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(self.payload.len());
        std::str::from_utf8(&self.payload[..end]).map_err(|_| ParseError::NotText {
            attribute: self.kind,
        })
    }

    /// A string as [`Attribute::str`], with bytes that are not UTF-8 replaced.
    #[must_use]
    pub fn str_lossy(&self) -> String {
        let end = self
            .payload
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(self.payload.len());
        String::from_utf8_lossy(&self.payload[..end]).into_owned()
    }
}

/// Iterator over the attributes in some bytes.
///
/// After the first error it is exhausted.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Reads attributes from `bytes`, the part of a message after its family header.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The first attribute of type `kind`, or `None` if there is none.
    pub fn find(&self, kind: u16) -> Result<Option<Attribute<'a>>, ParseError> {
        for attribute in self.clone() {
            let attribute = attribute?;
            if attribute.kind == kind {
                return Ok(Some(attribute));
            }
        }
        Ok(None)
    }

    /// The first attribute of type `kind`; its absence is an error.
    pub fn require(&self, kind: u16) -> Result<Attribute<'a>, ParseError> {
        self.find(kind)?
            .ok_or(ParseError::Missing { attribute: kind })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let all = std::mem::take(&mut self.rest);
        // Up to three bytes of padding may follow the last attribute.
        if all.len() < HEADER {
            return if all.iter().all(|byte| *byte == 0) {
                None
            } else {
                Some(Err(ParseError::Truncated {
                    needed: HEADER,
                    available: all.len(),
                }))
            };
        }
        let len = usize::from(u16::from_ne_bytes([all[0], all[1]]));
        let kind = u16::from_ne_bytes([all[2], all[3]]);
        if len < HEADER {
            return Some(Err(ParseError::BadLength { length: len }));
        }
        if len > all.len() {
            return Some(Err(ParseError::Truncated {
                needed: len,
                available: all.len(),
            }));
        }
        self.rest = all.get(align(len)..).unwrap_or_default();
        Some(Ok(Attribute {
            kind: kind & TYPE_MASK,
            is_nested: kind & NESTED != 0,
            payload: &all[HEADER..len],
        }))
    }
}
