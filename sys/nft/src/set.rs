//! Sets, maps and their elements.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Data, DataType, Family, Key, Verdict};

/// A named set, or a map if it has a data type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Set {
    /// Address family of its table.
    pub family: Family,
    /// Name of its table.
    pub table: String,
    /// Name, up to 255 bytes.
    pub name: String,
    /// What its elements are.
    pub key_type: DataType,
    /// What a map maps to; `None` for a plain set.
    pub data_type: Option<DataType>,
    /// Elements may be ranges.
    pub is_interval: bool,
    /// Elements cannot change after the transaction that creates the set.
    pub is_constant: bool,
    /// Rules may add elements as packets pass.
    pub is_dynamic: bool,
    /// Elements may expire. Set by [`Set::with_timeouts`] and [`Set::with_default_timeout`].
    pub has_timeouts: bool,
    /// Life of elements that name none; sent with millisecond resolution.
    pub default_timeout: Option<Duration>,
    /// Most elements it may hold.
    pub size: Option<u32>,
    /// Belongs to one rule and has no name of its own, as `{ 80, 443 }` in nft's
    /// language. Such sets are listed and not created by this crate.
    pub is_anonymous: bool,
    /// Shown by the nft command; up to 128 bytes.
    pub comment: Option<String>,
}

impl Set {
    /// A plain set.
    #[must_use]
    pub fn new(
        family: Family,
        table: impl Into<String>,
        name: impl Into<String>,
        key_type: DataType,
    ) -> Self {
        Self {
            family,
            table: table.into(),
            name: name.into(),
            key_type,
            data_type: None,
            is_interval: false,
            is_constant: false,
            is_dynamic: false,
            has_timeouts: false,
            default_timeout: None,
            size: None,
            is_anonymous: false,
            comment: None,
        }
    }

    /// Makes it a map to values of `data_type`; [`DataType::Verdict`] makes a verdict map.
    #[must_use]
    pub fn mapping_to(mut self, data_type: DataType) -> Self {
        self.data_type = Some(data_type);
        self
    }

    /// Lets elements be ranges and prefixes.
    #[must_use]
    pub fn with_intervals(mut self) -> Self {
        self.is_interval = true;
        self
    }

    /// Fixes the elements once the creating transaction is done.
    #[must_use]
    pub fn constant(mut self) -> Self {
        self.is_constant = true;
        self
    }

    /// Lets rules add elements.
    #[must_use]
    pub fn dynamic(mut self) -> Self {
        self.is_dynamic = true;
        self
    }

    /// Lets elements have timeouts of their own.
    #[must_use]
    pub fn with_timeouts(mut self) -> Self {
        self.has_timeouts = true;
        self
    }

    /// Lets elements expire, after `timeout` where they name none.
    #[must_use]
    pub fn with_default_timeout(mut self, timeout: Duration) -> Self {
        self.has_timeouts = true;
        self.default_timeout = Some(timeout);
        self
    }

    /// Limits the number of elements.
    #[must_use]
    pub fn with_size(mut self, size: u32) -> Self {
        self.size = Some(size);
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Whether ranges are stored per part of a concatenated key.
    pub(crate) fn is_ranged_concat(&self) -> bool {
        self.is_interval && matches!(self.key_type, DataType::Concat(_))
    }
}

/// A set as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSet {
    /// The set.
    pub set: Set,
    /// The kernel's number for it within the table.
    pub handle: u64,
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Element {
    /// The key, or the first key of a range.
    pub key: Key,
    /// Last key of a range, inclusive.
    pub last: Option<Key>,
    /// What a map maps it to.
    pub data: Option<Data>,
    /// Life of the element from the moment it is added.
    pub timeout: Option<Duration>,
    /// Life left, when listed.
    pub expires: Option<Duration>,
    /// Shown by the nft command; up to 128 bytes.
    pub comment: Option<String>,
    /// Matches what no other element matches (`*`); the key is empty then.
    pub is_catchall: bool,
}

impl Element {
    /// One key.
    #[must_use]
    pub fn new(key: impl Into<Key>) -> Self {
        Self {
            key: key.into(),
            last: None,
            data: None,
            timeout: None,
            expires: None,
            comment: None,
            is_catchall: false,
        }
    }

    /// The keys from `first` to `last`, both included. The set needs
    /// [`Set::with_intervals`]; in a set of concatenations each part has its own range.
    #[must_use]
    pub fn range(first: impl Into<Key>, last: impl Into<Key>) -> Self {
        Self {
            last: Some(last.into()),
            ..Self::new(first)
        }
    }

    /// The addresses that share their first `bits` bits with `address`. The set
    /// needs [`Set::with_intervals`].
    #[must_use]
    pub fn prefix(address: IpAddr, bits: u8) -> Self {
        let Key(mut first) = address.into();
        let mut last = first.clone();
        for (index, (low, high)) in first.iter_mut().zip(&mut last).enumerate() {
            let kept = usize::from(bits).saturating_sub(index * 8).min(8);
            let host = u8::try_from(0xff_u32 >> kept).unwrap_or(0);
            *low &= !host;
            *high |= host;
        }
        if first == last {
            Self::new(Key(first))
        } else {
            Self::range(Key(first), Key(last))
        }
    }

    /// The element that matches what no other does (Linux 5.13).
    #[must_use]
    pub fn catchall() -> Self {
        Self {
            is_catchall: true,
            ..Self::new(Key(Vec::new()))
        }
    }

    /// Maps to a verdict.
    #[must_use]
    pub fn to_verdict(mut self, verdict: Verdict) -> Self {
        self.data = Some(Data::Verdict(verdict));
        self
    }

    /// Maps to a value.
    #[must_use]
    pub fn to_value(mut self, value: impl Into<Key>) -> Self {
        self.data = Some(Data::Value(value.into().0));
        self
    }

    /// Limits its life; the set needs [`Set::with_timeouts`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }
}
