//! Garden's rules and mappings in the words of `container/network`, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use warren_container_network::address::AddressRange;
use warren_container_network::files::{Resolver, hosts, resolv_conf};
use warren_container_network::netout::{IcmpMatch, NetOutRule, Ports, Protocol};
use warren_container_network::port::Transport;
use warren_container_network::record::Record;
use warren_container_network::{MappingRequest, Spec};
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::container::ContainerSpec;
use warren_wire_garden::network::{self as wire, NetIn};

use super::{Gardener, error, properties};
use crate::config::Config;

/// Where systemd-resolved keeps the servers behind its stub.
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// What the network says, for the wire.
pub(super) fn failed(what: &str) -> impl Fn(warren_container_network::Error) -> Error + '_ {
    move |error| match &error {
        warren_container_network::Error::Unknown { handle } => Error::ContainerNotFound {
            handle: handle.clone(),
        },
        _ => Error::Plain(format!("{what}: {}", chain(&error))),
    }
}

/// The network of a new container, of a server that has IPv6 or not.
pub(super) fn spec(spec: &ContainerSpec, ipv6: bool) -> Result<Spec, Error> {
    Ok(Spec {
        network: spec.network.clone(),
        net_in: spec.netin.iter().map(mapping).collect::<Result<_, _>>()?,
        net_out: rules(&spec.netout_rules, ipv6)?,
    })
}

fn mapping(wanted: &NetIn) -> Result<MappingRequest, Error> {
    let port = |number: u32| {
        u16::try_from(number).map_err(|_| Error::Plain(format!("{number} is not a port")))
    };
    Ok(MappingRequest {
        transport: match wanted.protocol {
            wire::Transport::Tcp => Transport::Tcp,
            wire::Transport::Udp => Transport::Udp,
        },
        host_port: port(wanted.host_port)?,
        container_port: port(wanted.container_port)?,
    })
}

fn rules(rules: &[wire::NetOutRule], ipv6: bool) -> Result<Vec<NetOutRule>, Error> {
    rules.iter().map(|each| rule(each, ipv6)).collect()
}

fn rule(rule: &wire::NetOutRule, ipv6: bool) -> Result<NetOutRule, Error> {
    let protocol = match rule.protocol {
        wire::Protocol::ALL => Protocol::All,
        wire::Protocol::TCP => Protocol::Tcp,
        wire::Protocol::UDP => Protocol::Udp,
        wire::Protocol::ICMP => Protocol::Icmp,
        // Stock refuses it; where containers have no such address it would mean nothing.
        wire::Protocol::ICMP_V6 if ipv6 => Protocol::Icmpv6,
        other => return Err(Error::Plain(format!("invalid protocol: {}", other.0))),
    };
    let range = |range: &wire::IpRange| {
        let (start, end) = match (range.start, range.end) {
            (Some(start), Some(end)) => (start, end),
            (Some(only), None) | (None, Some(only)) => (only, only),
            (None, None) if protocol == Protocol::Icmpv6 => (
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)),
            ),
            (None, None) => (
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V4(Ipv4Addr::BROADCAST),
            ),
        };
        AddressRange::new(start, end).map_err(error::step("read a net-out rule"))
    };
    let converted = NetOutRule {
        protocol,
        networks: rule.networks.iter().map(range).collect::<Result<_, _>>()?,
        ports: rule
            .ports
            .iter()
            .map(|ports| Ports {
                start: ports.start,
                end: if ports.end == 0 {
                    ports.start
                } else {
                    ports.end
                },
            })
            .collect(),
        icmp: rule.icmps.as_ref().map(|icmp| IcmpMatch {
            kind: icmp.kind,
            code: icmp.code,
        }),
        log: rule.log,
    };
    converted
        .check()
        .map_err(error::step("read a net-out rule"))?;
    Ok(converted)
}

/// Texts of a container's files about names.
pub(super) struct Files {
    pub(super) hosts: String,
    pub(super) resolv_conf: String,
}

/// The files of a container whose network is there.
pub(super) fn files(config: &Config, network: &Record) -> Files {
    let addresses: Vec<IpAddr> = network
        .addresses()
        .into_iter()
        .map(|(address, _)| address)
        .collect();
    // A host without the file has no name servers to pass on.
    let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let behind = std::fs::read_to_string(BEHIND_STUB).ok();
    let resolver = Resolver {
        servers: &config.dns_servers,
        additional: &config.additional_dns_servers,
        search: &[],
        host: &host,
        behind_stub: behind.as_deref(),
        gateway: Some(network.lease.subnet.gateway().into()),
    };
    Files {
        hosts: hosts(&network.handle, &addresses, &config.host_entries),
        resolv_conf: resolv_conf(&resolver),
    }
}

impl Gardener {
    /// Maps a port of the host into a container; 0 takes one from the pool, or the same.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or why the port cannot be had.
    pub fn net_in(&self, handle: &str, wanted: NetIn) -> Result<NetIn, Error> {
        let container = self.container(handle)?;
        let request = mapping(&wanted)?;
        let made = self
            .network
            .net_in(handle, request)
            .map_err(failed("map a port"))?;
        container
            .update(&self.records, |record| {
                // What it is at this moment: others may map ports at the same time.
                if let Some(network) = self.network.get(handle) {
                    properties::set_mapped_ports(&mut record.properties, &network);
                }
            })
            .map_err(error::step("write down the port"))?;
        Ok(NetIn {
            host_port: made.host_port.into(),
            container_port: made.container_port.into(),
            protocol: wanted.protocol,
        })
    }

    /// Lets a container reach more: all of these or none.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or what is wrong with a rule.
    pub fn net_out(&self, handle: &str, wanted: &[wire::NetOutRule]) -> Result<(), Error> {
        self.container(handle)?;
        self.network
            .net_out(handle, &rules(wanted, self.config.network.ipv6.is_some())?)
            .map_err(failed("let the container reach more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_their_meaning() {
        let wanted = wire::NetOutRule {
            protocol: wire::Protocol::ICMP,
            networks: vec![wire::IpRange {
                start: None,
                end: Some("10.0.0.1".parse().unwrap()),
            }],
            icmps: Some(wire::IcmpControl {
                kind: 8,
                code: Some(0),
            }),
            log: true,
            ..wire::NetOutRule::default()
        };
        let rule = rule(&wanted, false).unwrap();
        assert_eq!(rule.protocol, Protocol::Icmp);
        assert_eq!(rule.networks[0].start(), rule.networks[0].end());
        assert_eq!(rule.icmp.unwrap().code, Some(0));
        assert!(rule.log);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let with = |protocol, ports| wire::NetOutRule {
            protocol,
            ports,
            ..wire::NetOutRule::default()
        };
        let ports = vec![wire::PortRange { start: 1, end: 2 }];
        assert!(rule(&with(wire::Protocol::ICMP_V6, Vec::new()), false).is_err());
        assert!(rule(&with(wire::Protocol::ALL, ports.clone()), true).is_err());
        assert!(rule(&with(wire::Protocol::TCP, ports), true).is_ok());
        let beyond = NetIn {
            host_port: 70_000,
            ..NetIn::default()
        };
        assert!(mapping(&beyond).is_err());
    }

    #[test]
    fn icmpv6_is_for_servers_with_ipv6_and_its_networks_too() {
        let mut wanted = wire::NetOutRule {
            protocol: wire::Protocol::ICMP_V6,
            networks: vec![wire::IpRange::default()],
            ..wire::NetOutRule::default()
        };
        let everywhere = rule(&wanted, true).unwrap();
        assert_eq!(everywhere.protocol, Protocol::Icmpv6);
        assert!(everywhere.networks[0].start().is_ipv6());
        wanted.networks[0].start = Some("10.0.0.1".parse().unwrap());
        assert!(rule(&wanted, true).is_err());
    }
}
