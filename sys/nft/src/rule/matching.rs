//! Matches: compare a field, look it up, with the protocol checks it needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::field::{IPV4, IPV6, Needs};
use super::{CtState, Field, Rule};
use crate::data::IFNAME_LEN;
use crate::expr::{CmpOp, LookupData, MetaKey};
use crate::{Expr, Family, Key, Register};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;

impl Rule {
    /// Matches if `field` compares with `value` as `op` says.
    #[must_use]
    pub fn compare(self, field: Field, op: CmpOp, value: impl Into<Key>) -> Self {
        let Key(value) = value.into();
        self.load(field, Register::R1).expr(Expr::Cmp {
            register: Register::R1,
            op,
            value,
        })
    }

    /// Matches if `field` is `value`.
    #[must_use]
    pub fn is(self, field: Field, value: impl Into<Key>) -> Self {
        self.compare(field, CmpOp::Eq, value)
    }

    /// Matches if `field` is not `value`.
    #[must_use]
    pub fn is_not(self, field: Field, value: impl Into<Key>) -> Self {
        self.compare(field, CmpOp::Ne, value)
    }

    /// Matches if `field` is between `first` and `last`, both included.
    #[must_use]
    pub fn between(self, field: Field, first: impl Into<Key>, last: impl Into<Key>) -> Self {
        let register = Register::R1;
        self.load(field, register)
            .expr(Expr::Cmp {
                register,
                op: CmpOp::Ge,
                value: first.into().0,
            })
            .expr(Expr::Cmp {
                register,
                op: CmpOp::Le,
                value: last.into().0,
            })
    }

    /// Matches if `field & mask` compares with `value` as `op` says.
    #[must_use]
    pub fn compare_masked(
        self,
        field: Field,
        mask: impl Into<Key>,
        op: CmpOp,
        value: impl Into<Key>,
    ) -> Self {
        let register = Register::R1;
        let Key(mask) = mask.into();
        let len = mask.len();
        self.load(field, register)
            .expr(Expr::Bitwise {
                source: register,
                register,
                len: u32::try_from(len).unwrap_or(u32::MAX),
                mask,
                xor: vec![0; len],
            })
            .expr(Expr::Cmp {
                register,
                op,
                value: value.into().0,
            })
    }

    /// Matches if `field` is an element of the set named `set` of the same table.
    #[must_use]
    pub fn in_set(self, field: Field, set: impl Into<String>) -> Self {
        self.concat_in_set(&[field], set)
    }

    /// Matches if `field` is not an element of the set.
    #[must_use]
    pub fn not_in_set(self, field: Field, set: impl Into<String>) -> Self {
        self.concat_not_in_set(&[field], set)
    }

    /// Matches if the fields together (`a . b`) are an element of the set.
    #[must_use]
    pub fn concat_in_set(self, fields: &[Field], set: impl Into<String>) -> Self {
        self.lookup(fields, set.into(), None, false)
    }

    /// Matches if the fields together are not an element of the set.
    #[must_use]
    pub fn concat_not_in_set(self, fields: &[Field], set: impl Into<String>) -> Self {
        self.lookup(fields, set.into(), None, true)
    }

    /// Takes the verdict that the map says for `field`; goes on if it says none.
    #[must_use]
    pub fn vmap(self, field: Field, map: impl Into<String>) -> Self {
        self.concat_vmap(&[field], map)
    }

    /// Takes the verdict that the map says for the fields together.
    #[must_use]
    pub fn concat_vmap(self, fields: &[Field], map: impl Into<String>) -> Self {
        self.lookup(fields, map.into(), Some(LookupData::Verdict), false)
    }

    fn lookup(
        mut self,
        fields: &[Field],
        set: String,
        data: Option<LookupData>,
        is_negated: bool,
    ) -> Self {
        // All checks first: they load into the registers that the fields then fill.
        for field in fields {
            self = self.require(*field);
        }
        let mut word = 0;
        for field in fields {
            self.exprs.push(field.load(Register::word(word)));
            word += field.data_type().padded_length() / 4;
        }
        self.expr(Expr::Lookup {
            set,
            register: Register::R1,
            data,
            is_negated,
        })
    }

    fn load(mut self, field: Field, register: Register) -> Self {
        self = self.require(field);
        self.expr(field.load(register))
    }

    /// Adds the protocol check that `field` needs, unless the rule has it.
    fn require(self, field: Field) -> Self {
        match field.needs() {
            Some(Needs::Network(protocol)) => self.require_network(protocol),
            Some(Needs::Transport(protocol)) => self.l4proto(protocol),
            None => self,
        }
    }

    fn require_network(self, protocol: u8) -> Self {
        match self.family {
            Family::Inet => self.check(Field::NfProto.load(Register::R1), &[protocol]),
            // Their packets are of one protocol.
            Family::Ip | Family::Ip6 | Family::Arp => self,
            Family::Bridge | Family::Netdev => {
                let ethertype = if protocol == IPV4 {
                    ETHERTYPE_IPV4
                } else {
                    ETHERTYPE_IPV6
                };
                let load = Expr::MetaLoad {
                    key: MetaKey::Protocol,
                    register: Register::R1,
                };
                self.check(load, &ethertype.to_be_bytes())
            }
        }
    }

    /// Adds "load, compare equal" unless the rule already has that pair.
    fn check(self, load: Expr, value: &[u8]) -> Self {
        let cmp = Expr::Cmp {
            register: Register::R1,
            op: CmpOp::Eq,
            value: value.to_vec(),
        };
        let is_known = self
            .exprs
            .windows(2)
            .any(|pair| pair[0] == load && pair[1] == cmp);
        if is_known {
            self
        } else {
            self.expr(load).expr(cmp)
        }
    }

    /// IPv4 packets (`meta nfproto ipv4`).
    #[must_use]
    pub fn ipv4(self) -> Self {
        self.require_network(IPV4)
    }

    /// IPv6 packets (`meta nfproto ipv6`).
    #[must_use]
    pub fn ipv6(self) -> Self {
        self.require_network(IPV6)
    }

    /// Packets of a transport protocol (`meta l4proto`).
    #[must_use]
    pub fn l4proto(self, protocol: u8) -> Self {
        self.check(Field::L4Proto.load(Register::R1), &[protocol])
    }

    /// TCP packets.
    #[must_use]
    pub fn tcp(self) -> Self {
        self.l4proto(super::field::TCP)
    }

    /// UDP packets.
    #[must_use]
    pub fn udp(self) -> Self {
        self.l4proto(super::field::UDP)
    }

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
