//! Writing messages and attributes.

use crate::{HEADER_LEN, align};

const NESTED: u16 = 0x8000;

/// An attribute or message does not fit its length field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute} is longer than the 65531 bytes netlink can carry")]
pub struct TooLong {
    /// Type of the first attribute that was too long.
    pub attribute: u16,
}

/// Writes a run of attributes.
#[derive(Debug, Clone, Default)]
pub struct AttributeBuilder {
    bytes: Vec<u8>,
    too_long: Option<TooLong>,
}

impl AttributeBuilder {
    /// No attributes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes written so far, padding included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The attributes' bytes, unless one did not fit.
    pub fn finish(self) -> Result<Vec<u8>, TooLong> {
        self.too_long.map_or(Ok(self.bytes), Err)
    }

    /// Raw payload.
    pub fn put_bytes(&mut self, kind: u16, payload: &[u8]) -> &mut Self {
        self.put(kind, |bytes| bytes.extend_from_slice(payload))
    }

    /// An attribute without payload.
    pub fn put_flag(&mut self, kind: u16) -> &mut Self {
        self.put_bytes(kind, &[])
    }

    /// An 8-bit integer.
    pub fn put_u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.put_bytes(kind, &[value])
    }

    /// A 16-bit integer in host order.
    pub fn put_u16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.put_bytes(kind, &value.to_ne_bytes())
    }

    /// A 32-bit integer in host order.
    pub fn put_u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put_bytes(kind, &value.to_ne_bytes())
    }

    /// A 64-bit integer in host order.
    pub fn put_u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.put_bytes(kind, &value.to_ne_bytes())
    }

    /// A 16-bit integer in network order.
    pub fn put_be16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.put_bytes(kind, &value.to_be_bytes())
    }

    /// A 32-bit integer in network order.
    pub fn put_be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put_bytes(kind, &value.to_be_bytes())
    }

    /// A 64-bit integer in network order.
    pub fn put_be64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.put_bytes(kind, &value.to_be_bytes())
    }

    /// A NUL-terminated string.
    pub fn put_str(&mut self, kind: u16, value: &str) -> &mut Self {
        self.put(kind, |bytes| {
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        })
    }

    /// An attribute that holds the attributes `fill` writes.
    pub fn put_nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.open(kind | NESTED);
        fill(self);
        self.close(start, kind);
        self
    }

    /// An attribute that holds attributes written before.
    pub fn put_nested_bytes(&mut self, kind: u16, attributes: &[u8]) -> &mut Self {
        let start = self.open(kind | NESTED);
        self.bytes.extend_from_slice(attributes);
        self.close(start, kind);
        self
    }

    fn put(&mut self, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let start = self.open(kind);
        fill(&mut self.bytes);
        self.close(start, kind);
        self
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize, kind: u16) {
        match u16::try_from(self.bytes.len() - start) {
            Ok(len) => self.bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes()),
            Err(_) => {
                self.too_long.get_or_insert(TooLong { attribute: kind });
            }
        }
        self.bytes.resize(align(self.bytes.len()), 0);
    }
}

/// Writes one message; see the crate's head for the layout.
///
/// ```
/// # use warren_sys_netlink::{MessageBuilder, flags};
/// let message = MessageBuilder::new(0x0a01, flags::REQUEST)
///     .family_header(&[1, 0, 0, 0])
///     .attributes(|a| {
///         a.put_str(1, "filter").put_be32(2, 7);
///     });
/// # let _ = message;
/// ```
#[derive(Debug, Clone)]
pub struct MessageBuilder {
    kind: u16,
    flags: u16,
    body: AttributeBuilder,
}

impl MessageBuilder {
    /// A message of type `kind` with header `flags`.
    #[must_use]
    pub fn new(kind: u16, flags: u16) -> Self {
        Self {
            kind,
            flags,
            body: AttributeBuilder::new(),
        }
    }

    /// Adds the protocol's fixed header (`nfgenmsg`, `ifinfomsg`, ...); comes before attributes.
    #[must_use]
    pub fn family_header(mut self, header: &[u8]) -> Self {
        self.body.bytes.extend_from_slice(header);
        self.body.bytes.resize(align(self.body.bytes.len()), 0);
        self
    }

    /// Adds the attributes that `fill` writes.
    #[must_use]
    pub fn attributes(mut self, fill: impl FnOnce(&mut AttributeBuilder)) -> Self {
        fill(&mut self.body);
        self
    }

    /// Adds flags to those given to [`MessageBuilder::new`].
    #[must_use]
    pub fn with_flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// Header flags.
    #[must_use]
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// The message's bytes with sequence number `seq` and an unset port,
    /// which the kernel takes as "the sender's".
    pub fn finish(self, seq: u32) -> Result<Vec<u8>, TooLong> {
        let body = self.body.finish()?;
        let len = u32::try_from(HEADER_LEN + body.len()).map_err(|_| TooLong { attribute: 0 })?;
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
        bytes.extend_from_slice(&len.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&self.flags.to_ne_bytes());
        bytes.extend_from_slice(&seq.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }
}
