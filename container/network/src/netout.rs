//! Rules on what a container may reach, and what they become in nft.
//!
//! Without deny networks everything may be reached and these rules change nothing. With them, a
//! rule here opens what they close.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use warren_sys_nft::{CmpOp, Expr, Field, Key, Log, LogTarget, PayloadBase, Register, Rule};

use crate::address::AddressRange;

#[cfg(test)]
mod tests;

/// Most nft rules one rule may become: a slip in a client must not fill the kernel.
pub const MOST_EXPANDED: usize = 4096;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Protocol of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Any.
    #[default]
    All,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, which is IPv4 only.
    Icmp,
    /// ICMPv6, which is IPv6 only.
    Icmpv6,
}

/// Ports from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ports {
    /// First.
    pub start: u16,
    /// Last.
    pub end: u16,
}

/// An ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IcmpMatch {
    /// Type.
    pub kind: u8,
    /// Code; `None` is any, which 0 is not.
    pub code: Option<u8>,
}

/// Something a container may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetOutRule {
    /// Protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// Destinations; none is all.
    #[serde(default)]
    pub networks: Vec<AddressRange>,
    /// Destination ports, of TCP and UDP only; none is all.
    #[serde(default)]
    pub ports: Vec<Ports>,
    /// Message, of ICMP only; `None` is all.
    #[serde(default)]
    pub icmp: Option<IcmpMatch>,
    /// Whether the first packet of a connection is logged.
    #[serde(default)]
    pub log: bool,
}

/// A rule that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Ports without a protocol that has them.
    #[error("a net-out rule of protocol {protocol:?} cannot have ports; only tcp and udp can")]
    Ports {
        /// The rule's protocol.
        protocol: Protocol,
    },
    /// Ports the wrong way round.
    #[error("ports {start} to {end} are not in ascending order")]
    PortOrder {
        /// First.
        start: u16,
        /// Last.
        end: u16,
    },
    /// An ICMP message with a protocol that is not ICMP.
    #[error("a net-out rule of protocol {protocol:?} cannot have an ICMP type")]
    Icmp {
        /// The rule's protocol.
        protocol: Protocol,
    },
    /// ICMP to IPv6 or ICMPv6 to IPv4.
    #[error("a net-out rule of protocol {protocol:?} cannot be about {address}")]
    Family {
        /// The rule's protocol.
        protocol: Protocol,
        /// The network's first address.
        address: IpAddr,
    },
    /// Too many combinations.
    #[error("{networks} networks and {ports} ports make more than {MOST_EXPANDED} rules")]
    TooMany {
        /// Networks in the rule.
        networks: usize,
        /// Port ranges in the rule.
        ports: usize,
    },
}

impl NetOutRule {
    /// Whether the rule makes sense.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check(&self) -> Result<(), Error> {
        let protocol = self.protocol;
        let has_ports = matches!(protocol, Protocol::Tcp | Protocol::Udp);
        if !self.ports.is_empty() && !has_ports {
            return Err(Error::Ports { protocol });
        }
        if let Some(&Ports { start, end }) = self.ports.iter().find(|p| p.start > p.end) {
            return Err(Error::PortOrder { start, end });
        }
        let is_icmp = matches!(protocol, Protocol::Icmp | Protocol::Icmpv6);
        if self.icmp.is_some() && !is_icmp {
            return Err(Error::Icmp { protocol });
        }
        let wrong = self.networks.iter().map(|n| n.start()).find(|address| {
            protocol == Protocol::Icmp && address.is_ipv6()
                || protocol == Protocol::Icmpv6 && address.is_ipv4()
        });
        if let Some(address) = wrong {
            return Err(Error::Family { protocol, address });
        }
        let (networks, ports) = (self.networks.len(), self.ports.len());
        match networks.max(1).checked_mul(ports.max(1)) {
            Some(all) if all <= MOST_EXPANDED => Ok(()),
            _ => Err(Error::TooMany { networks, ports }),
        }
    }

    /// The nft rules: one for each network and port range. `prefix` starts a log line.
    #[must_use]
    pub fn expand(&self, prefix: &str, target: LogTarget) -> Vec<Rule> {
        let mut rules = Vec::new();
        for network in each_or_any(&self.networks) {
            for ports in each_or_any(&self.ports) {
                let rule = self.matching(network.copied(), ports.copied()).counter();
                let rule = if self.log {
                    rule.expr(Expr::Log(Log {
                        prefix: Some(prefix.to_owned()),
                        target,
                    }))
                } else {
                    rule
                };
                rules.push(rule.accept());
            }
        }
        rules
    }

    fn matching(&self, network: Option<AddressRange>, ports: Option<Ports>) -> Rule {
        let rule = Rule::new();
        let rule = match network {
            Some(range) => to(rule, range),
            None => rule,
        };
        match (self.protocol, ports) {
            (Protocol::All, _) => rule,
            (Protocol::Tcp, None) => rule.tcp(),
            (Protocol::Udp, None) => rule.udp(),
            (Protocol::Tcp, Some(p)) => within(rule, Field::TcpDport, p),
            (Protocol::Udp, Some(p)) => within(rule, Field::UdpDport, p),
            (Protocol::Icmp, _) => icmp(rule.ipv4().l4proto(ICMP), self.icmp),
            (Protocol::Icmpv6, _) => icmp(rule.ipv6().l4proto(ICMPV6), self.icmp),
        }
    }
}

/// Each, or once `None` if there are none.
fn each_or_any<T>(all: &[T]) -> impl Iterator<Item = Option<&T>> {
    let any = all.is_empty().then_some(None);
    all.iter().map(Some).chain(any)
}

/// Adds a match of the destination.
pub(crate) fn to(rule: Rule, range: AddressRange) -> Rule {
    let field = if range.start().is_ipv4() {
        Field::IpDaddr
    } else {
        Field::Ip6Daddr
    };
    if range.start() == range.end() {
        rule.is(field, range.start())
    } else {
        rule.between(field, range.start(), range.end())
    }
}

fn within(rule: Rule, field: Field, ports: Ports) -> Rule {
    if ports.start == ports.end {
        rule.is(field, Key::port(ports.start))
    } else {
        rule.between(field, Key::port(ports.start), Key::port(ports.end))
    }
}

fn icmp(rule: Rule, wanted: Option<IcmpMatch>) -> Rule {
    let Some(IcmpMatch { kind, code }) = wanted else {
        return rule;
    };
    // Type and code are the first two bytes of both ICMP headers.
    let rule = header_byte(rule, 0, kind);
    match code {
        Some(code) => header_byte(rule, 1, code),
        None => rule,
    }
}

/// Adds a match of one byte of the transport header.
pub(crate) fn header_byte(rule: Rule, offset: u32, value: u8) -> Rule {
    rule.expr(Expr::Payload {
        base: PayloadBase::Transport,
        offset,
        len: 1,
        register: Register::R1,
    })
    .expr(Expr::Cmp {
        register: Register::R1,
        op: CmpOp::Eq,
        value: vec![value],
    })
}
