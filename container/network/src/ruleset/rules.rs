//! The rules of each chain.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use warren_sys_nft::{CmpOp, CtKey, CtState, Expr, Field, Key, LogTarget, Register, Reject, Rule};

use super::{Ruleset, cut};
use crate::netout::{header_byte, to};
use crate::port::Transport;
use crate::record::Record;

const ICMPV6: u8 = 58;
/// Router solicitation, neighbour solicitation and advertisement: IPv6's ARP.
const NEIGHBOUR_MESSAGES: [u8; 3] = [133, 135, 136];
const DNS: u16 = 53;
/// ICMP code "host administratively prohibited".
const HOST_PROHIBITED: u8 = 10;
/// `IPS_DST_NAT` of the connection's status bits.
const CT_TRANSLATED: u32 = 1 << 5;
/// Longest start of a log line that comes from the handle, in bytes.
const LOG_PREFIX: usize = 28;
/// The same where the server reads it: as much as the kernel keeps, with the space behind it.
const GROUP_PREFIX: usize = 126;

impl Ruleset<'_> {
    pub(super) fn bridged(&self) -> Rule {
        Rule::new().in_set(Field::IifName, "bridges")
    }

    pub(super) fn forward_rules(&self) -> Vec<Rule> {
        vec![
            Rule::new().not_in_set(Field::IifName, "bridges").accept(),
            Rule::new().concat_vmap(&[Field::IifName, Field::IpSaddr], "senders4"),
            Rule::new().concat_vmap(&[Field::IifName, Field::Ip6Saddr], "senders6"),
            // Answers of what is behind a container that routes. The bridge's reverse path filter
            // has let only senders pass that are routed by way of it, so nobody answers for others;
            // IPv6 has no such filter.
            established(Rule::new().ipv4()),
            Rule::new()
                .counter()
                .drop()
                .with_comment("source is not that of a container on this bridge"),
        ]
    }

    pub(super) fn default_rules(&self) -> Vec<Rule> {
        let deny = self.settings.deny.iter();
        deny.map(|range| reject(to(Rule::new(), *range), range.start()))
            .collect()
    }

    pub(super) fn host_rules(&self) -> Vec<Rule> {
        let mut rules = vec![established(Rule::new())];
        rules.extend(
            NEIGHBOUR_MESSAGES
                .map(|kind| header_byte(Rule::new().ipv6().l4proto(ICMPV6), 0, kind).accept()),
        );
        if self.settings.dns_on_gateway {
            rules.push(Rule::new().udp_dport(DNS).accept());
            rules.push(Rule::new().tcp_dport(DNS).accept());
        }
        if self.settings.allow_host_access {
            rules.push(Rule::new().counter().accept());
        } else {
            rules.push(reject(Rule::new().ipv4(), Ipv4Addr::UNSPECIFIED.into()));
            rules.push(reject(Rule::new().ipv6(), Ipv6Addr::UNSPECIFIED.into()));
        }
        rules
    }

    pub(super) fn outbound_rules(&self, record: &Record) -> Vec<Rule> {
        let most = match self.settings.log {
            LogTarget::Kernel { .. } => LOG_PREFIX,
            LogTarget::Group { .. } => GROUP_PREFIX,
        };
        let prefix = cut(&record.handle, most);
        let prefix = format!("{prefix} ");
        let newest_first = record.net_out.iter().rev();
        let mut rules = vec![established(Rule::new())];
        rules.extend(newest_first.flat_map(|rule| rule.expand(&prefix, self.settings.log)));
        // Seen here only where bridged packets pass the IP hooks (br_netfilter).
        rules.extend(networks(record).map(|network| network.accept()));
        rules.push(Rule::new().goto("defaults"));
        rules
    }

    pub(super) fn inbound_rules(&self, record: &Record) -> Vec<Rule> {
        let mut rules = Vec::new();
        for mapping in &record.mappings {
            for &external in &self.settings.external {
                let same_family =
                    |(address, _): &(IpAddr, u8)| address.is_ipv4() == external.is_ipv4();
                let Some((address, _)) = record.addresses().into_iter().find(same_family) else {
                    continue;
                };
                let rule = Rule::new().daddr(external);
                let rule = match mapping.transport {
                    Transport::Tcp => rule.tcp_dport(mapping.host_port),
                    Transport::Udp => rule.udp_dport(mapping.host_port),
                };
                rules.push(
                    rule.counter()
                        .dnat_to(address, Some(mapping.container_port)),
                );
            }
        }
        rules
    }

    pub(super) fn subnet_rules(&self, record: &Record) -> Vec<Rule> {
        // Back to the sender's own subnet by way of a mapped port: without a new source the
        // answer would not come back through here.
        let hairpins = networks(record).map(|network| translated(network).masquerade());
        let inside = networks(record).map(|network| network.accept());
        let kept = self.settings.no_masquerade.iter();
        let kept = kept.map(|range| to(Rule::new(), *range).accept());
        hairpins
            .chain(inside)
            .chain(kept)
            .chain([Rule::new().masquerade()])
            .collect()
    }
}

/// Matches of the container's own networks as destinations.
fn networks(record: &Record) -> impl Iterator<Item = Rule> {
    record
        .gateways()
        .into_iter()
        .map(|(address, bits)| match address {
            IpAddr::V4(v4) => Rule::new().ip_daddr_net(v4, bits),
            IpAddr::V6(v6) => Rule::new().ip6_daddr_net(v6, bits),
        })
}

pub(super) fn ports() -> Rule {
    Rule::new().concat_vmap(&[Field::L4Proto, Field::ThDport], "ports")
}

pub(super) fn sources() -> Vec<Rule> {
    vec![
        Rule::new().vmap(Field::IpSaddr, "sources4"),
        Rule::new().vmap(Field::Ip6Saddr, "sources6"),
    ]
}

fn established(rule: Rule) -> Rule {
    rule.ct_state(CtState::Established | CtState::Related)
        .accept()
}

/// Refuses with an ICMP message of the family of `address`.
fn reject(rule: Rule, address: IpAddr) -> Rule {
    let rule = rule.counter();
    if address.is_ipv4() {
        rule.expr(Expr::Reject(Reject::Icmp(HOST_PROHIBITED)))
    } else {
        rule.reject_admin_prohibited()
    }
}

/// The connection's destination was changed.
fn translated(rule: Rule) -> Rule {
    let register = Register::R1;
    rule.expr(Expr::Ct {
        key: CtKey::Status,
        direction: None,
        register,
    })
    .expr(Expr::Bitwise {
        source: register,
        register,
        len: 4,
        mask: Key::host_u32(CT_TRANSLATED).0,
        xor: Key::host_u32(0).0,
    })
    .expr(Expr::Cmp {
        register,
        op: CmpOp::Ne,
        value: Key::host_u32(0).0,
    })
}
