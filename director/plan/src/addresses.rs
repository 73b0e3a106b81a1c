//! Which address an instance gets.
//!
//! An address is unique over the whole director. What an instance has, it keeps, if the network still
//! can give it; else the lowest that is free in the subnets of its zone, in order.

use std::collections::BTreeSet;
use std::net::IpAddr;

use warren_wire_manifest::check::instead;
use warren_wire_manifest::cloud_config::{Network, NetworkKind, Subnet};
use warren_wire_manifest::ip::Cidr;

use crate::{Error, Taken};

/// What is taken, while a plan is being made.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    used: BTreeSet<IpAddr>,
}

impl Pool {
    /// With these in use.
    #[must_use]
    pub fn new(taken: &[Taken]) -> Self {
        let used = taken
            .iter()
            .filter_map(|taken| taken.address.parse::<Cidr>().ok())
            .map(|address| address.first())
            .collect();
        Self { used }
    }

    /// Takes an address.
    pub fn take(&mut self, address: Cidr) {
        self.used.insert(address.first());
    }

    /// Whether it is in use.
    #[must_use]
    pub fn is_taken(&self, address: IpAddr) -> bool {
        self.used.contains(&address)
    }
}

/// Whether a subnet serves a zone.
#[must_use]
pub fn serves(azs: Option<&Vec<String>>, az: Option<&str>) -> bool {
    match (azs, az) {
        (None, _) => true,
        (Some(azs), Some(az)) => azs.iter().any(|name| name == az),
        (Some(_), None) => false,
    }
}

/// The subnet of a manual network that an address is in.
#[must_use]
pub fn subnet_of(network: &Network, address: IpAddr) -> Option<&Subnet> {
    let NetworkKind::Manual { subnets, .. } = &network.kind else {
        return None;
    };
    let address = Cidr::single(address);
    subnets
        .iter()
        .find(|subnet| subnet.range.is_some_and(|range| range.contains(&address)))
}

/// The ranges of a manual network.
pub(crate) fn ranges(network: &Network) -> Vec<String> {
    let NetworkKind::Manual { subnets, .. } = &network.kind else {
        return Vec::new();
    };
    let ranges = subnets.iter().filter_map(|subnet| subnet.range);
    ranges.map(|range| range.to_string()).collect()
}

/// Whether a network can go on giving an address to an instance in a zone.
#[must_use]
pub fn can_keep(network: &Network, az: Option<&str>, address: Cidr, is_static: bool) -> bool {
    let Some(subnet) = subnet_of(network, address.first()) else {
        return false;
    };
    serves(subnet.azs.as_ref(), az)
        && subnet.is_reservable(address.first())
        && subnet.is_static(address.first()) == is_static
        && subnet
            .prefix
            .is_none_or(|prefix| prefix == address.prefix())
}

/// The lowest free address of a manual network for an instance in a zone; it is taken.
///
/// # Errors
/// Code 130011.
pub fn allocate(
    network: &Network,
    az: Option<&str>,
    instance: &str,
    pool: &mut Pool,
) -> Result<Cidr, Error> {
    if let NetworkKind::Manual { subnets, .. } = &network.kind {
        let served = subnets
            .iter()
            .filter(|subnet| serves(subnet.azs.as_ref(), az));
        for subnet in served {
            if let Some(address) = lowest(subnet, pool) {
                pool.take(address);
                return Ok(address);
            }
        }
    }
    Err(Error::new(
        130_011,
        format!(
            "Failed to reserve IP for '{instance}' for manual network '{}': no more available",
            network.name
        ),
    ))
}

fn lowest(subnet: &Subnet, pool: &Pool) -> Option<Cidr> {
    let range = subnet.range?;
    let prefix = subnet
        .prefix
        .unwrap_or(if range.is_v6() { 128 } else { 32 });
    for address in range.range().iter() {
        let candidate = Cidr::new(address, prefix);
        let is_base = candidate.first() == address;
        if is_base
            && subnet.is_reservable(address)
            && !subnet.is_static(address)
            && !pool.is_taken(address)
        {
            return Some(candidate);
        }
    }
    None
}

/// Checks an address that the manifest names.
///
/// # Errors
/// Codes 130008 and 130012 to 130013, 150002.
pub fn check_static(
    network: &Network,
    address: IpAddr,
    instance: &str,
    own: Option<i64>,
    taken: &[Taken],
) -> Result<Cidr, Error> {
    let Some(subnet) = subnet_of(network, address) else {
        return Err(Error::new(
            130_012,
            format!(
                "Failed to reserve IP '{address}' for network '{}': IP is not in any subnet{}",
                network.name,
                instead("the network", ranges(network).iter().map(String::as_str))
            ),
        ));
    };
    if !subnet.is_reservable(address) {
        return Err(Error::new(
            130_013,
            format!(
                "Failed to reserve IP '{address}' for network '{}': IP belongs to reserved range",
                network.name
            ),
        ));
    }
    let prefix = subnet
        .prefix
        .unwrap_or(if address.is_ipv6() { 128 } else { 32 });
    let wanted = Cidr::new(address, prefix);
    let text = wanted.to_string();
    let other = taken
        .iter()
        .find(|taken| taken.address == text && (taken.instance.is_none() || taken.instance != own));
    match other {
        Some(taken) => Err(Error::new(
            130_008,
            format!(
                "Failed to reserve IP '{address}' for instance '{instance}': already reserved by {}",
                taken.owner
            ),
        )),
        None => Ok(wanted),
    }
}
