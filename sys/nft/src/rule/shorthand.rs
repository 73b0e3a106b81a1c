//! Matches under the names they have in nft's language.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CtState, Field, Rule, TcpFlags};
use crate::data::IFNAME_LEN;
use crate::expr::CmpOp;
use crate::{Expr, Key, Register};

impl Rule {
    /// IPv4 destination address.
    #[must_use]
    pub fn ip_daddr(self, address: Ipv4Addr) -> Self {
        self.is(Field::IpDaddr, address)
    }

    /// IPv4 source address.
    #[must_use]
    pub fn ip_saddr(self, address: Ipv4Addr) -> Self {
        self.is(Field::IpSaddr, address)
    }

    /// IPv6 destination address.
    #[must_use]
    pub fn ip6_daddr(self, address: Ipv6Addr) -> Self {
        self.is(Field::Ip6Daddr, address)
    }

    /// IPv6 source address.
    #[must_use]
    pub fn ip6_saddr(self, address: Ipv6Addr) -> Self {
        self.is(Field::Ip6Saddr, address)
    }

    /// Destination address of either family.
    #[must_use]
    pub fn daddr(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.ip_daddr(address),
            IpAddr::V6(address) => self.ip6_daddr(address),
        }
    }

    /// Source address of either family.
    #[must_use]
    pub fn saddr(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.ip_saddr(address),
            IpAddr::V6(address) => self.ip6_saddr(address),
        }
    }

    /// IPv4 destination addresses that share their first `bits` bits with `network`.
    #[must_use]
    pub fn ip_daddr_net(self, network: Ipv4Addr, bits: u8) -> Self {
        self.prefix(Field::IpDaddr, network, bits, CmpOp::Eq)
    }

    /// IPv4 source addresses that share their first `bits` bits with `network`.
    #[must_use]
    pub fn ip_saddr_net(self, network: Ipv4Addr, bits: u8) -> Self {
        self.prefix(Field::IpSaddr, network, bits, CmpOp::Eq)
    }

    /// IPv4 destination addresses outside of a network.
    #[must_use]
    pub fn ip_daddr_not_net(self, network: Ipv4Addr, bits: u8) -> Self {
        self.prefix(Field::IpDaddr, network, bits, CmpOp::Ne)
    }

    /// IPv4 source addresses outside of a network.
    #[must_use]
    pub fn ip_saddr_not_net(self, network: Ipv4Addr, bits: u8) -> Self {
        self.prefix(Field::IpSaddr, network, bits, CmpOp::Ne)
    }

    /// IPv6 destination addresses that share their first `bits` bits with `network`.
    #[must_use]
    pub fn ip6_daddr_net(self, network: Ipv6Addr, bits: u8) -> Self {
        self.prefix(Field::Ip6Daddr, network, bits, CmpOp::Eq)
    }

    /// IPv6 source addresses that share their first `bits` bits with `network`.
    #[must_use]
    pub fn ip6_saddr_net(self, network: Ipv6Addr, bits: u8) -> Self {
        self.prefix(Field::Ip6Saddr, network, bits, CmpOp::Eq)
    }

    /// Compares the first `bits` bits of an address field. Whole bytes are loaded
    /// alone, as the nft command does; a prefix of no bits matches every address.
    fn prefix(self, field: Field, network: impl Into<Key>, bits: u8, op: CmpOp) -> Self {
        let Key(network) = network.into();
        let bits = usize::from(bits).min(network.len() * 8);
        if bits > 0 && bits.is_multiple_of(8) {
            let mut load = field.load(Register::R1);
            if let Expr::Payload { len, .. } = &mut load {
                *len = u32::try_from(bits / 8).unwrap_or(*len);
            }
            let value = network[..bits / 8].to_vec();
            return self.require(field).expr(load).expr(Expr::Cmp {
                register: Register::R1,
                op,
                value,
            });
        }
        let mask: Vec<u8> = (0..network.len())
            .map(|index| {
                let kept = bits.saturating_sub(index * 8).min(8);
                u8::try_from((0xff00_u32 >> kept) & 0xff).unwrap_or(0)
            })
            .collect();
        let value: Vec<u8> = network
            .iter()
            .zip(&mask)
            .map(|(byte, mask)| byte & mask)
            .collect();
        self.compare_masked(field, Key(mask), op, Key(value))
    }

    /// TCP destination port.
    #[must_use]
    pub fn tcp_dport(self, port: u16) -> Self {
        self.is(Field::TcpDport, Key::port(port))
    }

    /// TCP source port.
    #[must_use]
    pub fn tcp_sport(self, port: u16) -> Self {
        self.is(Field::TcpSport, Key::port(port))
    }

    /// TCP destination ports from `first` to `last`.
    #[must_use]
    pub fn tcp_dport_range(self, first: u16, last: u16) -> Self {
        self.between(Field::TcpDport, Key::port(first), Key::port(last))
    }

    /// UDP destination port.
    #[must_use]
    pub fn udp_dport(self, port: u16) -> Self {
        self.is(Field::UdpDport, Key::port(port))
    }

    /// UDP source port.
    #[must_use]
    pub fn udp_sport(self, port: u16) -> Self {
        self.is(Field::UdpSport, Key::port(port))
    }

    /// UDP destination ports from `first` to `last`.
    #[must_use]
    pub fn udp_dport_range(self, first: u16, last: u16) -> Self {
        self.between(Field::UdpDport, Key::port(first), Key::port(last))
    }

    /// The socket was created in control group `id` or below it, `level` being that
    /// group's level (see [`Field::CgroupV2`]). Packets without a full socket do not match.
    #[must_use]
    pub fn socket_cgroupv2(self, level: u32, id: u64) -> Self {
        self.is(Field::CgroupV2 { level }, Key::cgroup(id))
    }

    /// The socket was created in a control group at least `level` deep.
    #[must_use]
    pub fn socket_cgroupv2_exists(self, level: u32) -> Self {
        self.is_not(Field::CgroupV2 { level }, Key::cgroup(0))
    }

    /// The socket's control group at `level` is in a set of type [`DataType::CgroupV2`](crate::DataType).
    #[must_use]
    pub fn socket_cgroupv2_in(self, level: u32, set: impl Into<String>) -> Self {
        self.in_set(Field::CgroupV2 { level }, set)
    }

    /// The socket's control group at `level` is not in a set; sockets of shallower
    /// groups do not match either.
    #[must_use]
    pub fn socket_cgroupv2_not_in(self, level: u32, set: impl Into<String>) -> Self {
        self.not_in_set(Field::CgroupV2 { level }, set)
    }

    /// The user that opened the socket, as numbered in the network namespace's user namespace.
    #[must_use]
    pub fn meta_skuid(self, uid: u32) -> Self {
        self.is(Field::SkUid, Key::host_u32(uid))
    }

    /// The group that opened the socket.
    #[must_use]
    pub fn meta_skgid(self, gid: u32) -> Self {
        self.is(Field::SkGid, Key::host_u32(gid))
    }

    /// Name of the incoming interface; a trailing `*` stands for any rest.
    #[must_use]
    pub fn iifname(self, name: &str) -> Self {
        self.is(Field::IifName, interface(name))
    }

    /// Any incoming interface but this one.
    #[must_use]
    pub fn iifname_not(self, name: &str) -> Self {
        self.is_not(Field::IifName, interface(name))
    }

    /// Name of the outgoing interface; a trailing `*` stands for any rest.
    #[must_use]
    pub fn oifname(self, name: &str) -> Self {
        self.is(Field::OifName, interface(name))
    }

    /// Any outgoing interface but this one.
    #[must_use]
    pub fn oifname_not(self, name: &str) -> Self {
        self.is_not(Field::OifName, interface(name))
    }

    /// The packet's mark is `mark`.
    #[must_use]
    pub fn mark(self, mark: u32) -> Self {
        self.is(Field::Mark, Key::host_u32(mark))
    }

    /// All of `bits` are set in the packet's mark.
    #[must_use]
    pub fn mark_has(self, bits: u32) -> Self {
        self.compare_masked(
            Field::Mark,
            Key::host_u32(bits),
            CmpOp::Eq,
            Key::host_u32(bits),
        )
    }

    /// None of `bits` is set in the packet's mark.
    #[must_use]
    pub fn mark_lacks(self, bits: u32) -> Self {
        self.compare_masked(
            Field::Mark,
            Key::host_u32(bits),
            CmpOp::Eq,
            Key::host_u32(0),
        )
    }

    /// Of the flags in `mask`, exactly those in `set` are set.
    #[must_use]
    pub fn tcp_flags(self, set: TcpFlags, mask: TcpFlags) -> Self {
        let key = |flags: TcpFlags| Key(vec![flags.0]);
        self.compare_masked(Field::TcpFlags, key(mask), CmpOp::Eq, key(set))
    }

    /// Of the flags in `mask`, others are set than exactly those in `set`.
    #[must_use]
    pub fn tcp_flags_not(self, set: TcpFlags, mask: TcpFlags) -> Self {
        let key = |flags: TcpFlags| Key(vec![flags.0]);
        self.compare_masked(Field::TcpFlags, key(mask), CmpOp::Ne, key(set))
    }

    /// The TCP destination port is another.
    #[must_use]
    pub fn tcp_dport_not(self, port: u16) -> Self {
        self.is_not(Field::TcpDport, Key::port(port))
    }

    /// The transport protocol is another.
    #[must_use]
    pub fn l4proto_not(self, protocol: u8) -> Self {
        self.is_not(Field::L4Proto, Key::protocol(protocol))
    }

    /// The connection is in one of these states.
    #[must_use]
    pub fn ct_state(self, states: CtState) -> Self {
        self.compare_masked(
            Field::CtState,
            Key::host_u32(states.0),
            CmpOp::Ne,
            Key::host_u32(0),
        )
    }
}

/// Bytes to compare an interface name with: all 16, or those before a `*`.
fn interface(name: &str) -> Key {
    match name.strip_suffix('*') {
        Some(start) => {
            let bytes = start.as_bytes();
            Key(bytes[..bytes.len().min(IFNAME_LEN - 1)].to_vec())
        }
        None => Key::ifname(name),
    }
}
