//! Networks: with addresses that the director gives (manual), that the infrastructure gives (dynamic),
//! or that are routed to a VM from outside (VIP).

use std::net::IpAddr;

use super::subnet::{Subnet, name_servers, zones};
use super::{AvailabilityZone, CloudOptions};
use crate::check::{Fields, Invalid, canonical, refuse};
use crate::ip::IpRange;
use crate::yaml::{Mapping, Value};

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its name in DNS names.
    pub canonical_name: String,
    /// Who gives addresses, and from where.
    pub kind: NetworkKind,
}

/// Who gives addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkKind {
    /// The director, from these subnets.
    Manual {
        /// Subnets in order. They do not overlap.
        subnets: Vec<Subnet>,
        /// Whether the director also makes the network.
        managed: bool,
    },
    /// The infrastructure.
    Dynamic {
        /// Zones, name servers and properties; at least one.
        subnets: Vec<DynamicSubnet>,
    },
    /// Someone before the deployment.
    Vip {
        /// What the CPI wants to know.
        cloud_properties: Mapping,
        /// Addresses to choose from; without any, instance groups name theirs.
        subnets: Vec<VipSubnet>,
    },
}

/// A part of a dynamic network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicSubnet {
    /// Name servers, if any are named.
    pub dns: Option<Vec<IpAddr>>,
    /// What the CPI wants to know.
    pub cloud_properties: Mapping,
    /// Its availability zones, if it has any.
    pub azs: Option<Vec<String>>,
}

/// A part of a VIP network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VipSubnet {
    /// Addresses to choose from.
    pub addresses: Vec<IpRange>,
    /// Its availability zones, if it has any.
    pub azs: Option<Vec<String>>,
}

impl Network {
    /// Whether instances in these zones find a subnet each; without zones, whether no subnet needs one.
    pub fn has_azs(&self, azs: &[String]) -> bool {
        let zones: Vec<Option<&Vec<String>>> = match &self.kind {
            NetworkKind::Manual { subnets, .. } => {
                subnets.iter().map(|subnet| subnet.azs.as_ref()).collect()
            }
            NetworkKind::Dynamic { subnets } => {
                subnets.iter().map(|subnet| subnet.azs.as_ref()).collect()
            }
            NetworkKind::Vip { .. } => return true,
        };
        let known: Vec<&String> = zones
            .iter()
            .flatten()
            .flat_map(|zones| zones.iter())
            .collect();
        if azs.is_empty() {
            return known.is_empty();
        }
        azs.iter().all(|az| known.contains(&az))
    }
}

pub(super) fn parse_all(
    fields: Fields<'_>,
    azs: &[AvailabilityZone],
    options: &CloudOptions,
) -> Result<Vec<Network>, Invalid> {
    let specs: &[Value] = fields.required("networks")?;
    if specs.is_empty() {
        refuse!(DeploymentNoNetworks, "No networks specified");
    }
    let mut networks: Vec<Network> = Vec::with_capacity(specs.len());
    for spec in specs {
        let network = parse(Fields::of(spec)?, azs, options)?;
        if networks
            .iter()
            .any(|other| other.canonical_name == network.canonical_name)
        {
            refuse!(
                DeploymentCanonicalNetworkNameTaken,
                "Invalid network name '{}', canonical name already taken",
                network.name
            );
        }
        networks.push(network);
    }
    Ok(networks)
}

fn parse(
    fields: Fields<'_>,
    azs: &[AvailabilityZone],
    options: &CloudOptions,
) -> Result<Network, Invalid> {
    let kind: String = fields
        .optional("type")?
        .unwrap_or_else(|| "manual".to_owned());
    let name: String = match kind.as_str() {
        "manual" | "dynamic" | "vip" => fields.required("name")?,
        other => refuse!(
            DeploymentInvalidNetworkType,
            "Invalid network type '{other}'"
        ),
    };
    let canonical_name = canonical(&name)?;
    let kind = match kind.as_str() {
        "manual" => manual(fields, &name, azs, options)?,
        "dynamic" => dynamic(fields, &name, azs)?,
        _ => vip(fields, &name, azs)?,
    };
    Ok(Network {
        name,
        canonical_name,
        kind,
    })
}

fn manual(
    fields: Fields<'_>,
    name: &str,
    azs: &[AvailabilityZone],
    options: &CloudOptions,
) -> Result<NetworkKind, Invalid> {
    let managed = fields.optional("managed")?.unwrap_or(false);
    let mut subnets: Vec<Subnet> = Vec::new();
    for spec in fields.required::<&[Value]>("subnets")? {
        let new = Subnet::parse(Fields::of(spec)?, name, azs, managed, options)?;
        for other in &subnets {
            let overlap = match (&other.range, &new.range) {
                (Some(a), Some(b)) => a.overlaps(b),
                _ => false,
            };
            if overlap {
                refuse!(
                    NetworkOverlappingSubnets,
                    "Network '{name}' has overlapping subnets"
                );
            }
            if other.prefix != new.prefix {
                refuse!(
                    NetworkPrefixSizesDiffer,
                    "Network '{name}' has subnets that define different prefixes"
                );
            }
        }
        subnets.push(new);
    }
    let with = subnets.iter().filter(|subnet| subnet.azs.is_some()).count();
    if with > 0 && with < subnets.len() {
        refuse!(
            JobInvalidAvailabilityZone,
            "Subnets on network '{name}' must all either specify availability zone or not"
        );
    }
    Ok(NetworkKind::Manual { subnets, managed })
}

fn dynamic(
    fields: Fields<'_>,
    name: &str,
    azs: &[AvailabilityZone],
) -> Result<NetworkKind, Invalid> {
    for key in ["az", "azs", "managed", "prefix"] {
        if fields.has(key) {
            refuse!(
                NetworkInvalidProperty,
                "Network '{name}' must not specify '{key}'."
            );
        }
    }
    let part = |fields: Fields<'_>, azs: Option<Vec<String>>| -> Result<DynamicSubnet, Invalid> {
        Ok(DynamicSubnet {
            dns: name_servers(fields, name)?,
            cloud_properties: fields.map("cloud_properties")?,
            azs,
        })
    };
    if !fields.has("subnets") {
        return Ok(NetworkKind::Dynamic {
            subnets: vec![part(fields, None)?],
        });
    }
    for key in ["dns", "cloud_properties"] {
        if fields.has(key) {
            refuse!(
                NetworkInvalidProperty,
                "Network '{name}' must not specify '{key}' when also specifying 'subnets'. \
                 Instead, '{key}' should be specified on subnet entries."
            );
        }
    }
    let mut subnets = Vec::new();
    for spec in fields.list("subnets")? {
        let spec = Fields::of(spec)?;
        subnets.push(part(spec, zones(spec, name, azs)?)?);
    }
    Ok(NetworkKind::Dynamic { subnets })
}

fn vip(fields: Fields<'_>, name: &str, azs: &[AvailabilityZone]) -> Result<NetworkKind, Invalid> {
    let mut subnets = Vec::new();
    for spec in fields.list("subnets")? {
        let spec = Fields::of(spec)?;
        let mut addresses = Vec::new();
        for text in spec.list("static")? {
            addresses.push(super::subnet::range(text)?);
        }
        subnets.push(VipSubnet {
            addresses,
            azs: zones(spec, name, azs)?,
        });
    }
    Ok(NetworkKind::Vip {
        cloud_properties: fields.map("cloud_properties")?,
        subnets,
    })
}
