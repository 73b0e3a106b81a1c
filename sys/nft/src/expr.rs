//! Expressions: the instructions a rule is made of.
//!
//! A rule is run left to right. Loads fill a register, comparisons and lookups
//! read it; the first comparison that fails ends the rule, a verdict ends the
//! chain. There are sixteen 4-byte registers; numbers 1 to 4 address them as four
//! groups of 16 bytes.
//!
//! [`Expr::encode`] and [`Expr::decode`] are inverse for every expression. What this
//! crate has no type for is kept as [`Expr::Unknown`] with its bytes, so nothing
//! that is listed gets lost.

mod decode;
mod encode;
mod key;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use decode::decode_data;
pub(crate) use encode::put_data;
pub use key::{CmpOp, CtKey, MetaKey, PayloadBase, SocketKey};

use crate::Verdict;

/// Where an expression reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Register(u32);

impl Register {
    /// The 16-byte registers that the nft command uses first.
    pub const R1: Self = Self(1);
    /// Second 16-byte register.
    pub const R2: Self = Self(2);
    /// Third 16-byte register.
    pub const R3: Self = Self(3);
    /// Fourth 16-byte register.
    pub const R4: Self = Self(4);

    /// The register that starts `index` 4-byte words after the start of [`Register::R1`];
    /// there are 16 words.
    #[must_use]
    pub const fn word(index: u32) -> Self {
        if index.is_multiple_of(4) && index < 16 {
            Self(1 + index / 4)
        } else {
            Self(8 + index)
        }
    }

    /// The register with this number on the wire.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        // The kernel lists aligned word registers by their 16-byte number.
        if number >= 8 && number < 24 {
            Self::word(number - 8)
        } else {
            Self(number)
        }
    }

    /// Number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Word the register starts at; `None` for the verdict register and bad numbers.
    #[must_use]
    pub const fn first_word(self) -> Option<u32> {
        match self.0 {
            1..=4 => Some((self.0 - 1) * 4),
            8..=23 => Some(self.0 - 8),
            _ => None,
        }
    }
}

/// A line in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Log {
    /// Text before the packet's description, up to 127 bytes.
    pub prefix: Option<String>,
    /// Where it goes.
    pub target: LogTarget,
}

/// Where a log line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// The kernel's log.
    Kernel {
        /// syslog level; 4 (warning) if nothing is said.
        level: u32,
        /// `NF_LOG_*` bits: which headers to decode.
        flags: u32,
    },
    /// Readers of a netlink group.
    Group {
        /// Group number.
        number: u16,
        /// Most bytes of the packet to copy.
        snaplen: Option<u32>,
        /// Packets to collect before waking the reader.
        threshold: Option<u16>,
    },
}

impl Default for LogTarget {
    fn default() -> Self {
        Self::Kernel { level: 4, flags: 0 }
    }
}

/// How often the rest of a rule may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Packets, or bytes, per unit.
    pub rate: u64,
    /// Seconds in the unit: 1, 60, 3600, 86400 or 604800.
    pub unit: u64,
    /// How many may pass at once above the rate.
    pub burst: u32,
    /// Counts bytes instead of packets.
    pub is_bytes: bool,
    /// Matches above the rate instead of below.
    pub is_over: bool,
}

/// The answer to a refused packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reject {
    /// ICMP or ICMPv6 of the packet's family, with that family's code.
    Icmp(u8),
    /// TCP reset.
    TcpReset,
    /// ICMP or ICMPv6, with a code that both families have: 0 no route,
    /// 1 port unreachable, 2 host unreachable, 3 administratively prohibited.
    Icmpx(u8),
}

/// Which address a translation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NatKind {
    /// Source.
    Source,
    /// Destination.
    Destination,
}

/// An address translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nat {
    /// Which address changes.
    pub kind: NatKind,
    /// Family of the new address: `NFPROTO_IPV4` 2 or `NFPROTO_IPV6` 10.
    pub family: u32,
    /// Registers with the first and last new address.
    pub address: Option<(Register, Register)>,
    /// Registers with the first and last new port.
    pub port: Option<(Register, Register)>,
    /// `NF_NAT_RANGE_*` bits without those that say that address and port are given.
    pub flags: u32,
}

/// One instruction of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// Loads a fact about the packet.
    MetaLoad {
        /// Which.
        key: MetaKey,
        /// Where to.
        register: Register,
    },
    /// Sets a fact about the packet.
    MetaSet {
        /// Which.
        key: MetaKey,
        /// Where from.
        register: Register,
    },
    /// Loads bytes of the packet.
    Payload {
        /// Header the offset counts from.
        base: PayloadBase,
        /// Bytes to skip.
        offset: u32,
        /// Bytes to load.
        len: u32,
        /// Where to.
        register: Register,
    },
    /// Goes on if the comparison holds.
    Cmp {
        /// Left side.
        register: Register,
        /// Comparison.
        op: CmpOp,
        /// Right side.
        value: Vec<u8>,
    },
    /// Goes on if the value is within (or outside of) a range.
    Range {
        /// The value.
        register: Register,
        /// Outside instead of within.
        is_negated: bool,
        /// First value.
        from: Vec<u8>,
        /// Last value.
        to: Vec<u8>,
    },
    /// `register = (source & mask) ^ xor`.
    Bitwise {
        /// Where from.
        source: Register,
        /// Where to.
        register: Register,
        /// Bytes.
        len: u32,
        /// Bits to keep.
        mask: Vec<u8>,
        /// Bits to flip.
        xor: Vec<u8>,
    },
    /// Loads a fact about the packet's socket; ends the rule if there is no socket.
    Socket {
        /// Which.
        key: SocketKey,
        /// Level of the control group, for [`SocketKey::CgroupV2`]; 1 is the
        /// first below the root.
        level: Option<u32>,
        /// Where to.
        register: Register,
    },
    /// Loads a fact about the connection.
    Ct {
        /// Which.
        key: CtKey,
        /// Original (0) or reply (1), for keys that differ.
        direction: Option<u8>,
        /// Where to.
        register: Register,
    },
    /// Goes on if the value is (not) in a set; with `data` set, loads what a map says.
    Lookup {
        /// Set's name.
        set: String,
        /// The value.
        register: Register,
        /// Where to put what the map says.
        data: Option<LookupData>,
        /// Goes on if the value is not in the set.
        is_negated: bool,
    },
    /// Counts the packets that come here.
    Counter {
        /// Packets so far.
        packets: u64,
        /// Bytes so far.
        bytes: u64,
    },
    /// Writes a log line.
    Log(Log),
    /// Goes on below (or above) a rate.
    Limit(Limit),
    /// Loads a value.
    Immediate {
        /// Where to.
        register: Register,
        /// The value.
        value: Vec<u8>,
    },
    /// Ends the rule with a verdict.
    Verdict(Verdict),
    /// Refuses the packet with an answer.
    Reject(Reject),
    /// Translates an address.
    Nat(Nat),
    /// Translates the source to the outgoing interface's address.
    Masquerade {
        /// Registers with the first and last new port.
        port: Option<(Register, Register)>,
        /// `NF_NAT_RANGE_*` bits as in [`Nat::flags`].
        flags: u32,
    },
    /// Translates the destination to this host.
    Redirect {
        /// Registers with the first and last new port.
        port: Option<(Register, Register)>,
        /// `NF_NAT_RANGE_*` bits as in [`Nat::flags`].
        flags: u32,
    },
    /// An expression this crate has no type for, or a form of one it does not know.
    Unknown {
        /// Expression's name.
        name: String,
        /// Its attributes.
        data: Vec<u8>,
    },
}

/// Where a map lookup puts its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LookupData {
    /// The verdict is taken at once.
    Verdict,
    /// The value goes to a register.
    Register(Register),
}

impl Expr {
    /// The expression with what packets change in it set to zero: for comparing rules.
    #[must_use]
    pub fn without_counts(&self) -> Self {
        match self {
            Self::Counter { .. } => Self::Counter {
                packets: 0,
                bytes: 0,
            },
            other => other.clone(),
        }
    }

    /// Name of the expression in the kernel, which is also that of its module (`nft_<name>`).
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::MetaLoad { .. } | Self::MetaSet { .. } => "meta",
            Self::Payload { .. } => "payload",
            Self::Cmp { .. } => "cmp",
            Self::Range { .. } => "range",
            Self::Bitwise { .. } => "bitwise",
            Self::Socket { .. } => "socket",
            Self::Ct { .. } => "ct",
            Self::Lookup { .. } => "lookup",
            Self::Counter { .. } => "counter",
            Self::Log(_) => "log",
            Self::Limit(_) => "limit",
            Self::Immediate { .. } | Self::Verdict(_) => "immediate",
            Self::Reject(_) => "reject",
            Self::Nat(_) => "nat",
            Self::Masquerade { .. } => "masq",
            Self::Redirect { .. } => "redir",
            Self::Unknown { name, .. } => name,
        }
    }
}
