//! Networks of an instance group.

use super::CLOUD_CONFIG;
use crate::check::{Fields, Invalid, instead, refuse, to_s};
use crate::cloud_config::{CloudConfig, Network, NetworkKind, ranges};
use crate::ip::IpRange;
use crate::yaml::Value;

/// A network that a group's instances are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupNetwork {
    /// Its name.
    pub name: String,
    /// Addresses for the instances, as many as there are instances, in the manifest's order.
    pub static_ips: Option<Vec<IpRange>>,
    /// What it is the default for: `dns`, `gateway`, `addressable`.
    pub default: Vec<String>,
    /// Networks of one number share an interface.
    pub nic_group: Option<String>,
}

const REQUIRED: [&str; 2] = ["dns", "gateway"];
const KNOWN: [&str; 3] = ["dns", "gateway", "addressable"];

pub(super) fn parse(
    fields: Fields<'_>,
    group: &str,
    cloud: &CloudConfig,
) -> Result<Vec<GroupNetwork>, Invalid> {
    let specs: &[Value] = fields.required("networks")?;
    if specs.is_empty() {
        refuse!(
            JobMissingNetwork,
            "Instance group '{group}' must specify at least one network"
        );
    }
    let mut networks = Vec::with_capacity(specs.len());
    for spec in specs {
        networks.push(one(Fields::of(spec)?, group, cloud)?);
    }
    for network in &networks {
        for property in &network.default {
            if !KNOWN.contains(&property.as_str()) {
                refuse!(
                    JobNetworkInvalidDefault,
                    "Instance group '{group}' specified an invalid default network property '{property}', valid properties are: {}",
                    REQUIRED.join(", ")
                );
            }
        }
    }
    defaults(&mut networks, group)?;
    Ok(networks)
}

fn one(fields: Fields<'_>, group: &str, cloud: &CloudConfig) -> Result<GroupNetwork, Invalid> {
    let name: String = fields.required("name")?;
    let default = fields.list("default")?.iter().map(to_s).collect();
    let given = match fields.value("static_ips") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        value => Some(ranges(value)?),
    };
    if let Some(given) = &given
        && let Some(ip) = twice(given)
    {
        refuse!(
            JobInvalidStaticIps,
            "Instance group '{group}' specifies static IP '{ip}' more than once"
        );
    }
    let Some(network) = cloud.network(&name) else {
        refuse!(
            JobUnknownNetwork,
            "Instance group '{group}' references an unknown network '{name}'{}",
            instead(
                CLOUD_CONFIG,
                cloud.networks.iter().map(|known| known.name.as_str())
            )
        );
    };
    check_kind(network, fields.has("static_ips"), group)?;
    Ok(GroupNetwork {
        name,
        static_ips: given,
        default,
        nic_group: fields
            .value("nic_group")
            .filter(|value| !value.is_null())
            .map(to_s),
    })
}

fn check_kind(network: &Network, fixed: bool, group: &str) -> Result<(), Invalid> {
    match &network.kind {
        NetworkKind::Dynamic { .. } if fixed => refuse!(
            JobStaticIpNotSupportedOnDynamicNetwork,
            "Instance group '{group}' using dynamic network '{}' cannot specify static IP(s)",
            network.name
        ),
        NetworkKind::Vip { subnets, .. } if fixed && !subnets.is_empty() => refuse!(
            NetworkReservationVipMisconfigured,
            "IPs cannot be specified in both the instance group and the cloud config"
        ),
        _ => Ok(()),
    }
}

/// An address that two of the ranges share.
fn twice(ranges: &[IpRange]) -> Option<std::net::IpAddr> {
    let mut sorted: Vec<&IpRange> = ranges.iter().collect();
    sorted.sort_by_key(|range| (range.first(), range.last()));
    // Sorted by first address, ranges that share one are neighbours or inside of the widest so far.
    let mut widest: Option<&IpRange> = None;
    for range in sorted {
        if let Some(before) = widest
            && let Some(ip) = before.shared(range)
        {
            return Some(ip);
        }
        if widest.is_none_or(|before| before.last() < range.last()) {
            widest = Some(range);
        }
    }
    None
}

/// A single network is the default for all that must have one; of several, each says what for.
fn defaults(networks: &mut [GroupNetwork], group: &str) -> Result<(), Invalid> {
    if let [only] = networks {
        for property in REQUIRED {
            if !only.default.iter().any(|known| known == property) {
                only.default.push(property.to_owned());
            }
        }
    }
    let names = |property: &str| -> Vec<String> {
        networks
            .iter()
            .filter(|network| network.default.iter().any(|known| known == property))
            .map(|network| format!("'{}'", network.name))
            .collect()
    };
    let several: Vec<String> = KNOWN
        .iter()
        .filter(|property| names(property).len() > 1)
        .map(|property| {
            format!(
                "'{property}' has default networks: {}.",
                names(property).join(", ")
            )
        })
        .collect();
    if !several.is_empty() {
        refuse!(
            JobNetworkMultipleDefaults,
            "Instance group '{group}' specified more than one network to contain default. {}",
            several.join(" ")
        );
    }
    let missing: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|property| names(property).is_empty())
        .collect();
    if !missing.is_empty() {
        refuse!(
            JobNetworkMissingDefault,
            "Instance group '{group}' must specify which network is default for {}, since it has more than one network configured",
            missing.join(", ")
        );
    }
    Ok(())
}
