//! Values, verdicts, and the data types of sets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::userdata::{BIG_ENDIAN, HOST_ENDIAN};

/// What to do with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes on to the next base chain.
    Accept,
    /// It is dropped at once.
    Drop,
    /// On to the next rule (in verdict maps).
    Continue,
    /// Back to the calling chain; in a base chain, its policy.
    Return,
    /// Through another chain, and back.
    Jump(String),
    /// Through another chain, and not back.
    Goto(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

/// What a register is loaded with, or what a map maps to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// Bytes in the value's own order.
    Value(Vec<u8>),
    /// A verdict.
    Verdict(Verdict),
}

/// Type of a set's key or of a map's data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// IPv4 address (`ipv4_addr`).
    Ipv4Addr,
    /// IPv6 address (`ipv6_addr`).
    Ipv6Addr,
    /// Link-layer address (`ether_addr`).
    EtherAddr,
    /// IP protocol number (`inet_proto`).
    InetProto,
    /// Port (`inet_service`).
    InetService,
    /// Packet mark (`mark`).
    Mark,
    /// User id (`uid`).
    Uid,
    /// Group id (`gid`).
    Gid,
    /// Interface name (`ifname`).
    IfName,
    /// Id of a version 2 control group (`cgroupsv2`).
    CgroupV2,
    /// Several values one after the other, each padded to 4 bytes (`a . b`).
    Concat(Vec<DataType>),
    /// A verdict; for maps only.
    Verdict,
    /// Any other type, by the nft command's number and its size in bytes.
    Other {
        /// nft's type number; the kernel does not interpret it.
        number: u32,
        /// Size in bytes.
        length: u32,
    },
}

/// What is known about a plain type.
struct TypeInfo {
    data_type: DataType,
    /// nft's name for it.
    name: &'static str,
    /// Number in `enum datatypes` of nft's `datatype.h`.
    number: u32,
    /// Size in bytes.
    length: u32,
    /// nft's number for the order of its bytes.
    byte_order: u32,
}

const fn plain(
    data_type: DataType,
    name: &'static str,
    number: u32,
    length: u32,
    byte_order: u32,
) -> TypeInfo {
    TypeInfo {
        data_type,
        name,
        number,
        length,
        byte_order,
    }
}

const TYPES: &[TypeInfo] = &[
    plain(DataType::Ipv4Addr, "ipv4_addr", 7, 4, BIG_ENDIAN),
    plain(DataType::Ipv6Addr, "ipv6_addr", 8, 16, BIG_ENDIAN),
    plain(DataType::EtherAddr, "ether_addr", 9, 6, BIG_ENDIAN),
    plain(DataType::InetProto, "inet_proto", 12, 1, BIG_ENDIAN),
    plain(DataType::InetService, "inet_service", 13, 2, BIG_ENDIAN),
    plain(DataType::Mark, "mark", 19, 4, HOST_ENDIAN),
    plain(DataType::Uid, "uid", 24, 4, HOST_ENDIAN),
    plain(DataType::Gid, "gid", 25, 4, HOST_ENDIAN),
    plain(DataType::IfName, "ifname", 41, 16, HOST_ENDIAN),
    plain(DataType::CgroupV2, "cgroupsv2", 46, 8, HOST_ENDIAN),
];

/// Each part of a concatenation takes this many bits of its type number.
const CONCAT_BITS: u32 = 6;
const CONCAT_MASK: u32 = (1 << CONCAT_BITS) - 1;

impl DataType {
    fn info(&self) -> Option<&'static TypeInfo> {
        TYPES.iter().find(|info| info.data_type == *self)
    }

    /// Number on the wire.
    pub(crate) fn number(&self) -> u32 {
        match self {
            Self::Concat(parts) => parts.iter().fold(0, |number, part| {
                (number << CONCAT_BITS) | (part.number() & CONCAT_MASK)
            }),
            Self::Verdict => crate::wire::set::DATA_VERDICT,
            Self::Other { number, .. } => *number,
            plain => plain.info().map_or(0, |info| info.number),
        }
    }

    /// Size in bytes of a value, padding of concatenated parts included.
    pub(crate) fn length(&self) -> u32 {
        match self {
            Self::Concat(parts) => parts
                .iter()
                .map(Self::padded_length)
                .fold(0, u32::saturating_add),
            Self::Verdict => 0,
            Self::Other { length, .. } => *length,
            plain => plain.info().map_or(0, |info| info.length),
        }
    }

    /// Size in bytes within a concatenation.
    pub(crate) fn padded_length(&self) -> u32 {
        self.length()
            .checked_next_multiple_of(4)
            .unwrap_or(u32::MAX)
    }

    /// The type with this number and size.
    pub(crate) fn from_number(number: u32, length: u32) -> Self {
        if number == crate::wire::set::DATA_VERDICT {
            return Self::Verdict;
        }
        let other = Self::Other { number, length };
        if number <= CONCAT_MASK {
            return TYPES
                .iter()
                .find(|info| info.number == number && info.length == length)
                .map_or(other, |info| info.data_type.clone());
        }
        let mut parts = Vec::new();
        let mut rest = number;
        while rest != 0 {
            let part = TYPES.iter().find(|info| info.number == rest & CONCAT_MASK);
            match part {
                Some(info) => parts.insert(0, info.data_type.clone()),
                None => return other,
            }
            rest >>= CONCAT_BITS;
        }
        let concat = Self::Concat(parts);
        if concat.length() == length {
            concat
        } else {
            other
        }
    }

    /// nft's number for the byte order of values, for its user data.
    pub(crate) fn byte_order(&self) -> u32 {
        self.info().map_or(0, |info| info.byte_order)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concat(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" . ")?;
                    }
                    write!(f, "{part}")?;
                }
                Ok(())
            }
            Self::Verdict => f.write_str("verdict"),
            Self::Other { number, length } => write!(f, "type-{number}-{length}"),
            plain => f.write_str(plain.info().map_or("unknown", |info| info.name)),
        }
    }
}

/// Bytes of a value as a register holds them: what sets are keyed by and what
/// comparisons compare with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Vec<u8>);

/// Bytes of an interface name in a register.
pub(crate) const IFNAME_LEN: usize = 16;

impl Key {
    /// A port.
    #[must_use]
    pub fn port(port: u16) -> Self {
        Self(port.to_be_bytes().to_vec())
    }

    /// An IP protocol number.
    #[must_use]
    pub fn protocol(number: u8) -> Self {
        Self(vec![number])
    }

    /// Id of a version 2 control group: inode number of its folder.
    #[must_use]
    pub fn cgroup(id: u64) -> Self {
        Self(id.to_ne_bytes().to_vec())
    }

    /// A user id, group id, mark or other 32-bit number that the kernel keeps in host order.
    #[must_use]
    pub fn host_u32(value: u32) -> Self {
        Self(value.to_ne_bytes().to_vec())
    }

    /// An interface name; only its first 15 bytes count, as in the kernel.
    #[must_use]
    pub fn ifname(name: &str) -> Self {
        let mut bytes = name.as_bytes().to_vec();
        bytes.truncate(IFNAME_LEN - 1);
        bytes.resize(IFNAME_LEN, 0);
        Self(bytes)
    }

    /// Several values one after the other, each padded to 4 bytes.
    #[must_use]
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&part.0);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        Self(bytes)
    }
}

impl From<Ipv4Addr> for Key {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.octets().to_vec())
    }
}

impl From<Ipv6Addr> for Key {
    fn from(address: Ipv6Addr) -> Self {
        Self(address.octets().to_vec())
    }
}

impl From<IpAddr> for Key {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}
