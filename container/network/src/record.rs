//! What is known about one container's network: all that set-up and teardown need.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::address::Ipv6Prefix;
use crate::netout::NetOutRule;
use crate::port::Transport;
use crate::settings;
use crate::subnet::Lease;

/// How far a container's network has come.
///
/// ```text
/// (absent) -> Creating -> Ready -> Removing -> (absent)
///                 \___________________^
/// ```
///
/// A record is on disk before the first step is taken and until the last one is done. What is
/// found `Creating` or `Removing` after a crash is torn down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Some of it may exist.
    Creating,
    /// All of it exists.
    Ready,
    /// Some of it may be gone.
    Removing,
}

/// A host port that leads to a container's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mapping {
    /// TCP or UDP.
    pub transport: Transport,
    /// On the host.
    pub host_port: u16,
    /// In the container.
    pub container_port: u16,
}

/// One container's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The container.
    pub handle: String,
    /// How far it is.
    pub phase: Phase,
    /// The network it asked for, as it said it.
    pub request: String,
    /// Its subnet and address.
    pub lease: Lease,
    /// Prefix of its IPv6 address, if it has one.
    pub ipv6: Option<Ipv6Prefix>,
    /// Largest packet on its link, in bytes.
    pub mtu: u32,
    /// Its mapped ports, oldest first.
    pub mappings: Vec<Mapping>,
    /// What it may reach, oldest first.
    pub net_out: Vec<NetOutRule>,
}

impl Record {
    /// What stands for the handle in names.
    #[must_use]
    pub fn id(&self) -> String {
        settings::id(&self.handle)
    }

    /// The container's IPv6 address.
    #[must_use]
    pub fn address6(&self) -> Option<Ipv6Addr> {
        self.ipv6.map(|prefix| prefix.address(self.lease.address))
    }

    /// The container's addresses with the prefix lengths of their networks.
    #[must_use]
    pub fn addresses(&self) -> Vec<(IpAddr, u8)> {
        self.in_both(self.lease.address)
    }

    /// The gateway's addresses, in the same order.
    #[must_use]
    pub fn gateways(&self) -> Vec<(IpAddr, u8)> {
        self.in_both(self.lease.subnet.gateway())
    }

    fn in_both(&self, v4: std::net::Ipv4Addr) -> Vec<(IpAddr, u8)> {
        let subnet = self.lease.subnet;
        let v6 = self
            .ipv6
            .map(|prefix| (prefix.address(v4).into(), prefix.bits(subnet)));
        let first = (v4.into(), subnet.bits());
        std::iter::once(first).chain(v6).collect()
    }
}
