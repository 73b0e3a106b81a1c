//! Cloud configs: availability zones, networks, types, and how packages are compiled.
//!
//! Several configs are put together by [`merged`] before [`CloudConfig::parse`] checks them, as a
//! deployment sees them all at once.

mod compilation;
mod network;
mod subnet;
#[cfg(test)]
mod tests;
mod types;

pub use compilation::{Compilation, VmResources};
pub use network::{Network, NetworkKind};
pub use subnet::Subnet;
pub(crate) use subnet::ranges;
pub use types::{AvailabilityZone, DiskType, VmExtension, VmType};

use std::net::IpAddr;

use crate::check::{Code, Fields, Invalid, duplicate, refuse};
use crate::yaml::{Mapping, Value};

/// What the director's own configuration adds.
#[derive(Debug, Clone, Default)]
pub struct CloudOptions {
    /// Subnets may leave the gateway out.
    pub ignore_missing_gateway: bool,
    /// Addresses that are never given to a VM: the director's own.
    pub director_ips: Vec<IpAddr>,
}

/// What may be deployed onto.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// Availability zones in order.
    pub azs: Vec<AvailabilityZone>,
    /// Networks in order; at least one.
    pub networks: Vec<Network>,
    /// VM types in order.
    pub vm_types: Vec<VmType>,
    /// VM extensions in order.
    pub vm_extensions: Vec<VmExtension>,
    /// Disk types in order.
    pub disk_types: Vec<DiskType>,
    /// How packages are compiled.
    pub compilation: Compilation,
}

const LISTS: [&str; 5] = ["azs", "vm_types", "disk_types", "networks", "vm_extensions"];

/// Several cloud configs as one: lists one behind the other, `compilation` at most once. No config gives
/// an empty mapping.
pub fn merged<'a>(configs: impl IntoIterator<Item = &'a Value>) -> Result<Mapping, Invalid> {
    let mut merged = Mapping::new();
    for config in configs {
        if merged.is_empty() {
            for key in LISTS {
                merged.insert(key, Vec::new());
            }
        }
        let fields = Fields::of(config)?;
        for key in LISTS {
            // A placeholder may stand for the whole list, to be resolved later.
            let items = match fields.value(key) {
                Some(placeholder @ Value::String(text)) if text.starts_with("((") => {
                    std::slice::from_ref(placeholder)
                }
                _ => fields.list(key)?,
            };
            if let Some(list) = merged.get_mut(key).and_then(Value::as_seq_mut) {
                list.extend(items.iter().cloned());
            }
        }
        if let Some(compilation) = fields.optional::<&Mapping>("compilation")? {
            if merged.contains_key("compilation") {
                refuse!(
                    CloudConfigMergeError,
                    "Cloud config 'compilation' key cannot be defined in multiple cloud configs."
                );
            }
            merged.insert("compilation", compilation.clone());
        }
    }
    Ok(merged)
}

impl CloudConfig {
    /// Checks a merged cloud config.
    pub fn parse(config: &Mapping, options: &CloudOptions) -> Result<CloudConfig, Invalid> {
        let fields = Fields::of_map(config);
        let azs = all(fields.list("azs")?, AvailabilityZone::parse)?;
        no_duplicate(
            azs.iter().map(|az| az.name.as_str()),
            Code::DeploymentDuplicateAvailabilityZoneName,
            "az",
        )?;
        let networks = network::parse_all(fields, &azs, options)?;
        let vm_types = all(fields.list("vm_types")?, VmType::parse)?;
        no_duplicate(
            vm_types.iter().map(|kind| kind.name.as_str()),
            Code::DeploymentDuplicateVmTypeName,
            "vm type",
        )?;
        let vm_extensions = all(fields.list("vm_extensions")?, VmExtension::parse)?;
        no_duplicate(
            vm_extensions
                .iter()
                .map(|extension| extension.name.as_str()),
            Code::DeploymentDuplicateVmExtensionName,
            "vm extension",
        )?;
        let disk_types = all(fields.list("disk_types")?, DiskType::parse)?;
        no_duplicate(
            disk_types.iter().map(|kind| kind.name.as_str()),
            Code::DeploymentDuplicateDiskTypeName,
            "disk type",
        )?;
        let compilation = Compilation::parse(
            fields.required("compilation")?,
            &azs,
            &vm_types,
            &vm_extensions,
            &networks,
        )?;
        Ok(CloudConfig {
            azs,
            networks,
            vm_types,
            vm_extensions,
            disk_types,
            compilation,
        })
    }

    /// The network of this name.
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// Checks that every zone in use names a CPI, which is needed where there is a CPI config.
    pub fn require_cpis(&self, used: &[String]) -> Result<(), Invalid> {
        let without = |az: &&AvailabilityZone| az.cpi.is_none() && used.contains(&az.name);
        if let Some(az) = self.azs.iter().find(without) {
            refuse!(
                AvailabilityZoneMissingCpi,
                "AZ '{}' must specify a CPI when CPI config is defined",
                az.name
            );
        }
        Ok(())
    }
}

fn all<T>(
    items: &[Value],
    parse: impl Fn(Fields<'_>) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    items.iter().map(|item| parse(Fields::of(item)?)).collect()
}

fn no_duplicate<'a>(
    names: impl IntoIterator<Item = &'a str>,
    code: Code,
    what: &str,
) -> Result<(), Invalid> {
    match duplicate(names) {
        None => Ok(()),
        Some(name) => Err(Invalid::new(
            code,
            format!("Duplicate {what} name '{name}'"),
        )),
    }
}
