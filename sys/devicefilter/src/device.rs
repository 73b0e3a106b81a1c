//! Devices, accesses to them, and requests: the words all else here speaks in.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::rule::RuleError;

/// Set of accesses: `r`ead, `w`rite, `m`knod. Bit values are the kernel's `BPF_DEVCG_ACC_*`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Access(u8);

impl Access {
    /// No access; what `access(path, F_OK)` asks for.
    pub const NONE: Self = Self(0);
    /// Create a node.
    pub const MKNOD: Self = Self(1);
    /// Open for reading.
    pub const READ: Self = Self(2);
    /// Open for writing.
    pub const WRITE: Self = Self(4);
    /// Open for reading and writing.
    pub const READ_WRITE: Self = Self(6);
    /// All three.
    pub const ALL: Self = Self(7);

    /// The bits as the kernel passes them to a program.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From the kernel's bits; bits that mean nothing are dropped.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self((bits & 7) as u8)
    }

    /// Whether every bit of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Access {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Access {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Access {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Access {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MKNOD, "m")] {
            if self.contains(bit) {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({self})")
    }
}

impl FromStr for Access {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut access = Self::NONE;
        for letter in text.chars() {
            access |= match letter {
                'r' => Self::READ,
                'w' => Self::WRITE,
                'm' => Self::MKNOD,
                _ => return Err(RuleError::Access(text.to_owned())),
            };
        }
        Ok(access)
    }
}

/// Type of a real device. Order is that of the letters (`b` before `c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeviceKind {
    /// Block device.
    #[serde(rename = "b")]
    Block,
    /// Character device.
    #[serde(rename = "c")]
    Char,
}

impl DeviceKind {
    /// Both types.
    pub const BOTH: [Self; 2] = [Self::Block, Self::Char];

    /// The value of `BPF_DEVCG_DEV_*` for this type.
    #[must_use]
    pub const fn bpf(self) -> u32 {
        match self {
            Self::Block => 1,
            Self::Char => 2,
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "b",
            Self::Char => "c",
        })
    }
}

/// One device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// Block or character.
    pub kind: DeviceKind,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl Device {
    /// A character device.
    #[must_use]
    pub const fn char(major: u32, minor: u32) -> Self {
        Self {
            kind: DeviceKind::Char,
            major,
            minor,
        }
    }

    /// A block device.
    #[must_use]
    pub const fn block(major: u32, minor: u32) -> Self {
        Self {
            kind: DeviceKind::Block,
            major,
            minor,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.kind, self.major, self.minor)
    }
}

/// What a process asks: one device, one set of accesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Which device.
    pub device: Device,
    /// Which accesses at once.
    pub access: Access,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.device, self.access)
    }
}
