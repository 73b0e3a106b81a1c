//! Deployment manifests, version 2: what is wanted.
//!
//! [`Deployment::parse`] checks a manifest against a cloud config. What only the director's database
//! knows (releases, stemcells, jobs, other deployments) is left to it, as are `latest` versions. Keys that
//! nobody knows are ignored, as the stock director does.

mod disks;
mod features;
mod group;
mod job;
mod migrated;
mod networks;
mod sources;
#[cfg(test)]
mod tests;
mod update;
mod variable;

pub use disks::Disks;
pub use features::Features;
pub use group::{InstanceGroup, Lifecycle, VmSize};
pub use job::{Consume, Job, Provide};
pub use migrated::MigratedFrom;
pub use networks::GroupNetwork;
pub use sources::{ExportedFrom, Release, Stemcell, StemcellSource};
pub use update::{Count, Update, UpdateOptions, VmStrategy, WatchTime};
pub use variable::{Variable, variables};

pub(crate) use job::{consume, links, provide};

use crate::addon::{self, Addon, Level};
use crate::check::{Fields, Invalid, refuse};
use crate::cloud_config::CloudConfig;
use crate::yaml::{Mapping, Value};

/// Where what a manifest names has to be.
const CLOUD_CONFIG: &str = "the cloud config";
const MANIFEST: &str = "the manifest";

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// Releases in order, names unique.
    pub releases: Vec<Release>,
    /// Stemcells in order, aliases unique; at least one.
    pub stemcells: Vec<Stemcell>,
    /// How instances are updated, where the group says nothing else.
    pub update: Update,
    /// Instance groups in order, canonical names unique.
    pub instance_groups: Vec<InstanceGroup>,
    /// Addons of this deployment alone.
    pub addons: Vec<Addon>,
    /// Variables to make.
    pub variables: Vec<Variable>,
    /// What is switched on.
    pub features: Features,
    /// Tags for all VMs.
    pub tags: Mapping,
    /// The deprecated global properties; already merged into the groups.
    pub properties: Mapping,
}

const ONLY_IN_CLOUD_CONFIG: [&str; 4] = ["vm_types", "azs", "disk_types", "compilation"];

impl Deployment {
    /// Checks a manifest.
    pub fn parse(
        manifest: &Mapping,
        cloud: &CloudConfig,
        options: &UpdateOptions,
    ) -> Result<Deployment, Invalid> {
        refuse_old_keys(manifest)?;
        let fields = Fields::of_map(manifest);
        let name = fields.required("name")?;
        let stemcells = sources::stemcells(fields)?;
        let properties = fields.map("properties")?;
        let releases = sources::releases(fields)?;
        let update = Update::parse(Fields::of_map(fields.required("update")?), None, options)?;
        let mut instance_groups: Vec<InstanceGroup> = Vec::new();
        {
            let context = group::Context {
                cloud,
                stemcells: &stemcells,
                releases: &releases,
                update: &update,
                properties: &properties,
                options,
            };
            for value in fields.list("instance_groups")? {
                let group = InstanceGroup::parse(Fields::of(value)?, &context)?;
                if instance_groups
                    .iter()
                    .any(|other| other.canonical_name == group.canonical_name)
                {
                    refuse!(
                        DeploymentCanonicalJobNameTaken,
                        "Invalid instance group name '{}', canonical name already taken",
                        group.name
                    );
                }
                instance_groups.push(group);
            }
        }
        let variables = variables(fields.value("variables"))?;
        let features = Features::parse(fields.value("features"))?;
        let names: Vec<&str> = releases
            .iter()
            .map(|release| release.name.as_str())
            .collect();
        let addons = addon::parse_all(fields, &names, Level::Deployment)?;
        let tags = fields.map("tags")?;
        if stemcells.is_empty() {
            refuse!(
                DeploymentInvalidResourceSpecification,
                "'stemcells' need to be specified"
            );
        }
        migrated::check(&instance_groups)?;
        Ok(Deployment {
            name,
            releases,
            stemcells,
            update,
            instance_groups,
            addons,
            variables,
            features,
            tags,
            properties,
        })
    }

    /// The stemcell with this alias.
    pub fn stemcell(&self, alias: &str) -> Option<&Stemcell> {
        self.stemcells
            .iter()
            .find(|stemcell| stemcell.alias == alias)
    }

    /// The release of this name.
    pub fn release(&self, name: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.name == name)
    }
}

/// Whether a text can be the name of a deployment: `[-0-9A-Za-z_+.]+`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte))
}

fn refuse_old_keys(manifest: &Mapping) -> Result<(), Invalid> {
    if let Some(key) = ONLY_IN_CLOUD_CONFIG
        .iter()
        .find(|key| manifest.contains_key(key))
    {
        refuse!(
            DeploymentInvalidProperty,
            "Deployment manifest contains '{key}' section, but this can only be set in a cloud-config."
        );
    }
    if manifest.contains_key("networks") {
        refuse!(
            V1DeprecatedNetworks,
            "Deployment 'networks' are no longer supported. Network definitions must now be provided in a cloud-config."
        );
    }
    if manifest.contains_key("disk_pools") {
        refuse!(
            V1DeprecatedDiskPools,
            "disk_pools is no longer supported. Disk definitions must now be provided as disk_types in a cloud-config"
        );
    }
    if manifest.contains_key("jobs") {
        refuse!(
            V1DeprecatedJob,
            "Jobs are no longer supported, please use instance groups instead"
        );
    }
    if manifest.contains_key("resource_pools") {
        refuse!(
            V1DeprecatedResourcePools,
            "resource_pools is no longer supported. You must now define resources in a cloud-config"
        );
    }
    Ok(())
}

/// Mappings into each other, the second over the first.
pub(crate) fn deep_merged(mut under: Mapping, over: &Mapping) -> Mapping {
    for (key, value) in over.iter() {
        let merged = match (under.get_value(key), value) {
            (Some(Value::Map(under)), Value::Map(over)) => {
                Value::Map(deep_merged(under.clone(), over))
            }
            _ => value.clone(),
        };
        under.insert(key.clone(), merged);
    }
    under
}
