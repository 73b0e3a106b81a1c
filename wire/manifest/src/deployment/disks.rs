//! Persistent disks of an instance group.

use super::CLOUD_CONFIG;
use crate::check::{Fields, Int, Invalid, instead, refuse, to_s};
use crate::cloud_config::CloudConfig;
use crate::yaml::Value;

/// What outlives VMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disks {
    /// Nothing.
    None,
    /// One disk of this size in MB, mounted.
    Size(u64),
    /// One disk of this type, mounted.
    Type(String),
    /// Disks by name and type, attached only.
    Named(Vec<(String, String)>),
}

pub(super) fn parse(fields: Fields<'_>, name: &str, cloud: &CloudConfig) -> Result<Disks, Invalid> {
    let size: Option<Int> = fields.optional("persistent_disk")?;
    let kind: Option<String> = fields.optional("persistent_disk_type")?;
    let pool: Option<String> = fields.optional("persistent_disk_pool")?;
    let named: Option<&[Value]> = fields.optional("persistent_disks")?;
    if pool.is_some() {
        refuse!(
            V1DeprecatedDiskPools,
            "`persistent_disk_pool` is not supported as an `instance_groups` key. Please use `persistent_disk_type` instead."
        );
    }
    let types = || cloud.disk_types.iter().map(|known| known.name.as_str());
    let known = |kind: &str| types().any(|known| known == kind);
    match (size, kind, named) {
        (None, None, None) => Ok(Disks::None),
        (Some(Int(0)), None, None) => Ok(Disks::None),
        (Some(Int(size)), None, None) => match u64::try_from(size) {
            Ok(size) => Ok(Disks::Size(size)),
            Err(_) => refuse!(
                InstanceGroupInvalidPersistentDisk,
                "Instance group '{name}' references an invalid persistent disk size '{size}'"
            ),
        },
        (None, Some(kind), None) if known(&kind) => Ok(Disks::Type(kind)),
        (None, Some(kind), None) => refuse!(
            InstanceGroupUnknownDiskType,
            "Instance group '{name}' references an unknown disk type '{kind}'{}",
            instead(CLOUD_CONFIG, types())
        ),
        (None, None, Some(named)) => {
            let mut disks: Vec<(String, String)> = Vec::with_capacity(named.len());
            for value in named {
                let fields = Fields::of(value)?;
                let text = |key| fields.value(key).map(to_s).unwrap_or_default();
                let (disk, kind) = (text("name"), text("type"));
                if disks.iter().any(|(other, _)| *other == disk) {
                    refuse!(
                        InstanceGroupInvalidPersistentDisk,
                        "Instance group '{name}' persistent_disks's section contains duplicate names"
                    );
                }
                if !known(&kind) {
                    refuse!(
                        InstanceGroupUnknownDiskType,
                        "Instance group '{name}' persistent_disks's section references an unknown disk type '{kind}'{}",
                        instead(CLOUD_CONFIG, types())
                    );
                }
                if disk.trim().is_empty() {
                    refuse!(
                        InstanceGroupInvalidPersistentDisk,
                        "Instance group '{name}' persistent_disks's section contains a disk with no name"
                    );
                }
                disks.push((disk, kind));
            }
            Ok(Disks::Named(disks))
        }
        _ => refuse!(
            InstanceGroupInvalidPersistentDisk,
            "Instance group '{name}' specifies more than one of the following keys: 'persistent_disk', 'persistent_disk_type', and 'persistent_disks'. Choose one."
        ),
    }
}
