//! Instance groups that take over the instances of former ones.

use super::InstanceGroup;
use crate::check::{Fields, Invalid, refuse};

/// A former group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedFrom {
    /// Its name.
    pub name: String,
    /// The availability zone of its instances, if they have none recorded.
    pub az: Option<String>,
}

pub(super) fn parse(
    fields: Fields<'_>,
    group: &str,
    azs: &[String],
) -> Result<Vec<MigratedFrom>, Invalid> {
    let mut former = Vec::new();
    for value in fields.list("migrated_from")? {
        let fields = Fields::of(value)?;
        let name: String = fields.required("name")?;
        let az: Option<String> = fields.optional("az")?;
        if let Some(az) = &az
            && !azs.contains(az)
        {
            refuse!(
                DeploymentInvalidMigratedFromJob,
                "Instance group '{name}' specified for migration to instance group '{group}' refers to availability zone '{az}'. \
                 Az '{az}' is not in the list of availability zones of instance group '{group}'."
            );
        }
        former.push(MigratedFrom { name, az });
    }
    Ok(former)
}

/// No group is claimed twice, or claimed and still there.
pub(super) fn check(groups: &[InstanceGroup]) -> Result<(), Invalid> {
    for group in groups {
        for former in &group.migrated_from {
            if former.name != group.name && groups.iter().any(|other| other.name == former.name) {
                refuse!(
                    DeploymentInvalidMigratedFromJob,
                    "Failed to migrate instance group '{}' to '{}'. \
                     A deployment can not migrate an instance group and also specify it. \
                     Please remove instance group '{}'.",
                    former.name,
                    group.name,
                    former.name
                );
            }
            let claims = |other: &&InstanceGroup| {
                other.name != group.name
                    && other
                        .migrated_from
                        .iter()
                        .any(|claimed| claimed.name == former.name)
            };
            if let Some(other) = groups.iter().find(claims) {
                refuse!(
                    DeploymentInvalidMigratedFromJob,
                    "Failed to migrate instance group '{}' to '{}'. \
                     An instance group may be migrated to only one instance group, '{}' migrates it as well.",
                    former.name,
                    group.name,
                    other.name
                );
            }
        }
    }
    Ok(())
}
