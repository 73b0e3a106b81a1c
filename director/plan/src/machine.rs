//! What a CPI is told of a machine: the zone's cloud properties, over them those of what the machine is
//! (its type, what the CPI makes of its size, or properties by themselves), over them its extensions, each
//! key as a whole. The same for machines of instances and for those that compile.
//!
//! Source: reference of the deploy engine, sections 3 and 4.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use warren_wire_manifest::cloud_config::{CloudConfig, VmResources};
use warren_wire_manifest::deployment::{Deployment, InstanceGroup, VmSize};

use crate::json::{from_mapping, merged};

/// What a machine is.
#[derive(Debug, Clone)]
pub enum Base<'a> {
    /// Of a type.
    Type(&'a str),
    /// As these properties say.
    Properties(Map<String, Value>),
}

/// The cloud properties of a machine, placeholders kept.
#[must_use]
pub fn properties(
    cloud: &CloudConfig,
    az: Option<&str>,
    base: Base<'_>,
    extensions: &[String],
) -> Map<String, Value> {
    let zone = cloud.azs.iter().find(|zone| Some(zone.name.as_str()) == az);
    let zone = zone.map(|zone| from_mapping(&zone.cloud_properties));
    let base = match base {
        Base::Properties(properties) => properties,
        Base::Type(name) => {
            let known = cloud.vm_types.iter().find(|kind| kind.name == name);
            known.map_or_else(Map::new, |kind| from_mapping(&kind.cloud_properties))
        }
    };
    let mut properties = merged(zone.unwrap_or_default(), &base);
    for name in extensions {
        let known = cloud.vm_extensions.iter();
        if let Some(extension) = known.clone().find(|extension| extension.name == *name) {
            properties = merged(properties, &from_mapping(&extension.cloud_properties));
        }
    }
    properties
}

/// The environment of a group's machines, placeholders kept: what the manifest says, and where it says
/// nothing, what `use_tmpfs_config` switches on or off.
#[must_use]
pub fn env(deployment: &Deployment, group: &InstanceGroup) -> Map<String, Value> {
    let mut env = from_mapping(&group.env);
    let Some(in_memory) = deployment.features.use_tmpfs_config else {
        return env;
    };
    for path in [&["job_dir"][..], &["agent", "settings"]] {
        let mut at = &mut env;
        for key in std::iter::once(&"bosh").chain(path) {
            let next = at
                .entry((*key).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            // Something else there is for the agent to refuse.
            let Value::Object(next) = next else {
                return env;
            };
            at = next;
        }
        at.entry("tmpfs").or_insert(json!(in_memory));
    }
    env
}

/// The CPI of a zone; empty without CPI config.
#[must_use]
pub fn cpi(cloud: &CloudConfig, az: Option<&str>) -> String {
    let mut zones = cloud.azs.iter();
    let zone = zones.find(|zone| Some(zone.name.as_str()) == az);
    zone.and_then(|zone| zone.cpi.clone()).unwrap_or_default()
}

/// A size as CPIs are told it.
#[must_use]
pub fn size(resources: &VmResources) -> Map<String, Value> {
    let mut size = Map::new();
    for (key, value) in [
        ("cpu", resources.cpu),
        ("ram", resources.ram),
        ("ephemeral_disk_size", resources.ephemeral_disk_size),
    ] {
        size.insert(key.to_owned(), json!(value as i64));
    }
    size
}

/// What CPIs make of sizes, by CPI and size.
#[derive(Debug, Clone, Default)]
pub struct Sizes(BTreeMap<(String, String), Map<String, Value>>);

impl Sizes {
    /// All that a deployment has machines of, each once: CPI and size.
    #[must_use]
    pub fn wanted(
        deployment: &Deployment,
        cloud: &CloudConfig,
    ) -> Vec<(String, Map<String, Value>)> {
        let mut all = BTreeMap::new();
        for group in &deployment.instance_groups {
            let VmSize::Resources(resources) = &group.vm else {
                continue;
            };
            let size = size(resources);
            let zones = group.azs.iter().flatten().map(|az| Some(az.as_str()));
            let none = group.azs.is_none().then_some(None);
            for az in zones.chain(none) {
                let cpi = cpi(cloud, az);
                all.insert(key(&cpi, &size), (cpi, size.clone()));
            }
        }
        all.into_values().collect()
    }

    /// Adds what a CPI makes of a size.
    pub fn add(&mut self, cpi: &str, size: &Map<String, Value>, made: Map<String, Value>) {
        self.0.insert(key(cpi, size), made);
    }

    /// What a CPI makes of a size, if it was asked.
    #[must_use]
    pub fn find(&self, cpi: &str, size: &Map<String, Value>) -> Map<String, Value> {
        self.0.get(&key(cpi, size)).cloned().unwrap_or_default()
    }
}

fn key(cpi: &str, size: &Map<String, Value>) -> (String, String) {
    (cpi.to_owned(), Value::Object(size.clone()).to_string())
}
