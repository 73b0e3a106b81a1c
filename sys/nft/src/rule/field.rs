//! Fields of a packet that a rule can look at.

use crate::expr::{CtKey, MetaKey, PayloadBase, SocketKey};
use crate::{DataType, Expr, Register};

/// IP protocol numbers.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// `NFPROTO_*` numbers, as `meta nfproto` gives them.
pub(crate) const IPV4: u8 = 2;
pub(crate) const IPV6: u8 = 10;

/// States of a connection, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CtState(pub u32);

#[expect(non_upper_case_globals, reason = "read as the names of an enum")]
impl CtState {
    /// Not part of any connection and not able to start one.
    pub const Invalid: Self = Self(1);
    /// Part of a connection that was seen in both directions.
    pub const Established: Self = Self(2);
    /// Starts a connection that belongs to another one.
    pub const Related: Self = Self(4);
    /// Starts a connection.
    pub const New: Self = Self(8);
    /// Not tracked by choice.
    pub const Untracked: Self = Self(64);
}

impl std::ops::BitOr for CtState {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Flags of a TCP header (RFC 9293, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(1);
    /// Opens a connection, or answers the opening.
    pub const SYN: Self = Self(2);
    /// Ends the connection at once.
    pub const RST: Self = Self(4);
    /// Acknowledges; every packet of a connection but the first.
    pub const ACK: Self = Self(16);
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Something a rule can compare, look up, or map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// IPv4 source address.
    IpSaddr,
    /// IPv4 destination address.
    IpDaddr,
    /// IPv6 source address.
    Ip6Saddr,
    /// IPv6 destination address.
    Ip6Daddr,
    /// TCP source port.
    TcpSport,
    /// TCP destination port.
    TcpDport,
    /// TCP flags, 8 bits; see [`TcpFlags`].
    TcpFlags,
    /// UDP source port.
    UdpSport,
    /// UDP destination port.
    UdpDport,
    /// Source port of any transport that has ports.
    ThSport,
    /// Destination port of any transport that has ports.
    ThDport,
    /// Address family: 2 for IPv4, 10 for IPv6; 8 bits.
    NfProto,
    /// Transport protocol, 8 bits.
    L4Proto,
    /// Mark, host order.
    Mark,
    /// User that opened the socket, host order.
    SkUid,
    /// Group that opened the socket, host order.
    SkGid,
    /// Name of the incoming interface.
    IifName,
    /// Name of the outgoing interface.
    OifName,
    /// Id of the ancestor, at this level below the root, of the socket's version 2
    /// control group. What level 1 is depends on the kernel: the first below the true
    /// root, or below the root of the control-group namespace the rule was loaded from.
    CgroupV2 {
        /// Level, 1 to 255.
        level: u32,
    },
    /// State bits of the connection, host order.
    CtState,
    /// Mark of the connection, host order.
    CtMark,
}

/// A protocol that must be checked before a field's bytes mean what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Network protocol (`NFPROTO_*`).
    Network(u8),
    /// Transport protocol.
    Transport(u8),
}

impl Field {
    /// The expression that loads the field.
    #[must_use]
    pub const fn load(self, register: Register) -> Expr {
        const fn payload(base: PayloadBase, offset: u32, len: u32, register: Register) -> Expr {
            Expr::Payload {
                base,
                offset,
                len,
                register,
            }
        }
        const fn meta(key: MetaKey, register: Register) -> Expr {
            Expr::MetaLoad { key, register }
        }
        match self {
            Self::IpSaddr => payload(PayloadBase::Network, 12, 4, register),
            Self::IpDaddr => payload(PayloadBase::Network, 16, 4, register),
            Self::Ip6Saddr => payload(PayloadBase::Network, 8, 16, register),
            Self::Ip6Daddr => payload(PayloadBase::Network, 24, 16, register),
            Self::TcpSport | Self::UdpSport | Self::ThSport => {
                payload(PayloadBase::Transport, 0, 2, register)
            }
            Self::TcpDport | Self::UdpDport | Self::ThDport => {
                payload(PayloadBase::Transport, 2, 2, register)
            }
            Self::TcpFlags => payload(PayloadBase::Transport, 13, 1, register),
            Self::NfProto => meta(MetaKey::NfProto, register),
            Self::L4Proto => meta(MetaKey::L4Proto, register),
            Self::Mark => meta(MetaKey::Mark, register),
            Self::SkUid => meta(MetaKey::SkUid, register),
            Self::SkGid => meta(MetaKey::SkGid, register),
            Self::IifName => meta(MetaKey::IifName, register),
            Self::OifName => meta(MetaKey::OifName, register),
            Self::CgroupV2 { level } => Expr::Socket {
                key: SocketKey::CgroupV2,
                level: Some(level),
                register,
            },
            Self::CtState => Expr::Ct {
                key: CtKey::State,
                direction: None,
                register,
            },
            Self::CtMark => Expr::Ct {
                key: CtKey::Mark,
                direction: None,
                register,
            },
        }
    }

    /// What must be known about the packet first.
    pub(crate) const fn needs(self) -> Option<Needs> {
        match self {
            Self::IpSaddr | Self::IpDaddr => Some(Needs::Network(IPV4)),
            Self::Ip6Saddr | Self::Ip6Daddr => Some(Needs::Network(IPV6)),
            Self::TcpSport | Self::TcpDport | Self::TcpFlags => Some(Needs::Transport(TCP)),
            Self::UdpSport | Self::UdpDport => Some(Needs::Transport(UDP)),
            _ => None,
        }
    }

    /// Type of its values, as for a set keyed by it.
    #[must_use]
    pub const fn data_type(self) -> DataType {
        match self {
            Self::IpSaddr | Self::IpDaddr => DataType::Ipv4Addr,
            Self::Ip6Saddr | Self::Ip6Daddr => DataType::Ipv6Addr,
            Self::TcpSport
            | Self::TcpDport
            | Self::UdpSport
            | Self::UdpDport
            | Self::ThSport
            | Self::ThDport => DataType::InetService,
            // nft's numbers for types that have no sets of their own here.
            Self::TcpFlags => DataType::Other {
                number: 15,
                length: 1,
            },
            Self::NfProto => DataType::Other {
                number: 2,
                length: 1,
            },
            Self::CtState => DataType::Other {
                number: 26,
                length: 4,
            },
            Self::L4Proto => DataType::InetProto,
            Self::Mark | Self::CtMark => DataType::Mark,
            Self::SkUid => DataType::Uid,
            Self::SkGid => DataType::Gid,
            Self::IifName | Self::OifName => DataType::IfName,
            Self::CgroupV2 { .. } => DataType::CgroupV2,
        }
    }

    /// The field in nft's language.
    #[must_use]
    pub fn text(self) -> String {
        let name = match self {
            Self::IpSaddr => "ip saddr",
            Self::IpDaddr => "ip daddr",
            Self::Ip6Saddr => "ip6 saddr",
            Self::Ip6Daddr => "ip6 daddr",
            Self::TcpSport => "tcp sport",
            Self::TcpDport => "tcp dport",
            Self::TcpFlags => "tcp flags",
            Self::UdpSport => "udp sport",
            Self::UdpDport => "udp dport",
            Self::ThSport => "th sport",
            Self::ThDport => "th dport",
            Self::NfProto => "meta nfproto",
            Self::L4Proto => "meta l4proto",
            Self::Mark => "meta mark",
            Self::SkUid => "meta skuid",
            Self::SkGid => "meta skgid",
            Self::IifName => "iifname",
            Self::OifName => "oifname",
            Self::CgroupV2 { level } => return format!("socket cgroupv2 level {level}"),
            Self::CtState => "ct state",
            Self::CtMark => "ct mark",
        };
        name.to_owned()
    }
}
