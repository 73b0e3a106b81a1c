//! Records of a message, one after the other, without looking into them.

use crate::{name, number};

/// Where a record's parts are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// Where its time to live stands.
    pub(crate) ttl_at: usize,
    /// Where its data begin.
    pub(crate) data_at: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Record {
    /// The one that begins at an offset.
    pub(crate) fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let fixed = name::skip(bytes, at)?;
        let data_at = fixed + 10;
        let end = data_at + usize::from(number(bytes, fixed + 8)?);
        (end <= bytes.len()).then_some(Self {
            kind: number(bytes, fixed)?,
            class: number(bytes, fixed + 2)?,
            ttl_at: fixed + 4,
            data_at,
            end,
        })
    }

    /// Its time to live, in seconds; a number with the highest bit set counts as none (RFC 2181).
    pub(crate) fn ttl(&self, bytes: &[u8]) -> u32 {
        let high = number(bytes, self.ttl_at).unwrap_or(0);
        let low = number(bytes, self.ttl_at + 2).unwrap_or(0);
        if high & 0x8000 != 0 {
            return 0;
        }
        u32::from(high) << 16 | u32::from(low)
    }
}
