//! Instance groups.

use super::disks::{self, Disks};
use super::job::Job;
use super::migrated::{self, MigratedFrom};
use super::networks::{self, GroupNetwork};
use super::sources::{Release, Stemcell};
use super::update::{Update, UpdateOptions};
use super::{CLOUD_CONFIG, MANIFEST, deep_merged};
use crate::check::{Fields, Int, Invalid, canonical, instead, refuse, to_s};
use crate::cloud_config::{CloudConfig, VmResources};
use crate::yaml::{Mapping, Value};

/// Equal VMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceGroup {
    /// Its name.
    pub name: String,
    /// Its name in DNS names.
    pub canonical_name: String,
    /// Whether the VMs live or only run an errand.
    pub lifecycle: Lifecycle,
    /// Its jobs in order, names unique.
    pub jobs: Vec<Job>,
    /// Its persistent disks.
    pub disks: Disks,
    /// The alias of its stemcell.
    pub stemcell: String,
    /// How big its VMs are.
    pub vm: VmSize,
    /// What else they have.
    pub vm_extensions: Vec<String>,
    /// What their agents are told. Placeholders are in it.
    pub env: Mapping,
    /// How they are updated.
    pub update: Update,
    /// Their networks in order; at least one.
    pub networks: Vec<GroupNetwork>,
    /// Their availability zones; `None` where networks have none.
    pub azs: Option<Vec<String>>,
    /// Groups whose instances it takes over.
    pub migrated_from: Vec<MigratedFrom>,
    /// How many instances there are.
    pub instances: u32,
    /// The state that all of them are to be in, if not running.
    pub state: Option<String>,
    /// States of single instances, by index or id.
    pub instance_states: Vec<(String, String)>,
    /// Tags for their VMs.
    pub tags: Mapping,
}

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// VMs that live.
    Service,
    /// VMs that live for an errand.
    Errand,
}

impl Lifecycle {
    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Lifecycle::Service => "service",
            Lifecycle::Errand => "errand",
        }
    }
}

/// How big a VM is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VmSize {
    /// Of this type.
    Type(String),
    /// Of any type that has this much.
    Resources(VmResources),
}

/// What a group may refer to.
pub(super) struct Context<'a> {
    pub cloud: &'a CloudConfig,
    pub stemcells: &'a [Stemcell],
    pub releases: &'a [Release],
    pub update: &'a Update,
    pub properties: &'a Mapping,
    pub options: &'a UpdateOptions,
}

const STATES: [&str; 5] = ["started", "stopped", "detached", "restart", "recreate"];

impl InstanceGroup {
    pub(super) fn parse(fields: Fields<'_>, context: &Context<'_>) -> Result<Self, Invalid> {
        let name: String = fields.required("name")?;
        let lifecycle = match fields.optional::<String>("lifecycle")?.as_deref() {
            None | Some("service") => Lifecycle::Service,
            Some("errand") => Lifecycle::Errand,
            Some(other) => refuse!(
                JobInvalidLifecycle,
                "Invalid lifecycle '{other}' for '{name}', valid lifecycle profiles are: service, errand"
            ),
        };
        refuse_old_keys(fields, &name)?;
        let jobs = jobs(fields, &name, context)?;
        let disks = disks::parse(fields, &name, context.cloud)?;
        let stemcell: String = fields.required("stemcell")?;
        if !context
            .stemcells
            .iter()
            .any(|known| known.alias == stemcell)
        {
            refuse!(
                InstanceGroupUnknownStemcell,
                "Instance group '{name}' references an unknown stemcell '{stemcell}'{}",
                instead(
                    MANIFEST,
                    context.stemcells.iter().map(|known| known.alias.as_str())
                )
            );
        }
        let vm = size(fields, &name, context.cloud)?;
        let vm_extensions = extensions(fields, context.cloud)?;
        let env = fields.map("env")?;
        let empty = Mapping::new();
        let update = fields.optional::<&Mapping>("update")?.unwrap_or(&empty);
        let update = Update::parse(
            Fields::of_map(update),
            Some(context.update),
            context.options,
        )?;
        let networks = networks::parse(fields, &name, context.cloud)?;
        let azs = azs(fields, &name, &networks, context.cloud)?;
        let migrated_from = migrated::parse(fields, &name, azs.as_deref().unwrap_or(&[]))?;
        let state: Option<String> = fields.optional("state")?;
        if let Some(state) = &state
            && !STATES.contains(&state.as_str())
        {
            let valid = STATES.join(", ");
            refuse!(
                InstanceGroupInvalidState,
                "Invalid state '{state}' for '{name}', valid states are: {valid}"
            );
        }
        let mut instance_states = Vec::new();
        for (key, state) in fields.map("instance_states")? {
            let (key, state) = (to_s(&key), to_s(&state));
            if !STATES.contains(&state.as_str()) {
                let valid = STATES.join(", ");
                refuse!(
                    InstanceGroupInvalidInstanceState,
                    "Invalid state '{state}' for '{name}/{key}', valid states are: {valid}"
                );
            }
            instance_states.push((key, state));
        }
        let instances = instances(fields, &name, &networks)?;
        Ok(InstanceGroup {
            canonical_name: canonical(&name)?,
            lifecycle,
            jobs,
            disks,
            stemcell,
            vm,
            vm_extensions,
            env,
            update,
            networks,
            azs,
            migrated_from,
            instances,
            state,
            instance_states,
            tags: fields.map("tags")?,
            name,
        })
    }
}

fn refuse_old_keys(fields: Fields<'_>, name: &str) -> Result<(), Invalid> {
    let given = |key: &str| {
        !matches!(
            fields.value(key),
            None | Some(Value::Null | Value::Bool(false))
        )
    };
    if given("template") || given("templates") {
        refuse!(
            V1DeprecatedTemplate,
            "Instance group '{name}' specifies template or templates. This is no longer supported, please use jobs instead"
        );
    }
    if matches!(fields.value("jobs"), None | Some(Value::Null)) {
        refuse!(
            ValidationMissingField,
            "Instance group '{name}' does not specify jobs key"
        );
    }
    Ok(())
}

fn jobs(fields: Fields<'_>, name: &str, context: &Context<'_>) -> Result<Vec<Job>, Invalid> {
    let inherited = deep_merged(context.properties.clone(), &fields.map("properties")?);
    let mut jobs: Vec<Job> = Vec::new();
    for spec in fields.required::<&[Value]>("jobs")? {
        let job = Job::parse(Fields::of(spec)?, &inherited)?;
        if !context
            .releases
            .iter()
            .any(|release| release.name == job.release)
        {
            refuse!(
                InstanceGroupUnknownRelease,
                "Job '{}' (instance group '{name}') references an unknown release '{}'{}",
                job.name,
                job.release,
                instead(
                    MANIFEST,
                    context.releases.iter().map(|known| known.name.as_str())
                )
            );
        }
        jobs.push(job);
    }
    if let Some(job) = crate::check::duplicate(jobs.iter().map(|job| job.name.as_str())) {
        refuse!(
            InstanceGroupInvalidJobs,
            "Colocated job '{job}' is already added to the instance group '{name}'"
        );
    }
    Ok(jobs)
}

fn size(fields: Fields<'_>, name: &str, cloud: &CloudConfig) -> Result<VmSize, Invalid> {
    if fields.optional::<String>("resource_pool")?.is_some() {
        refuse!(
            V1DeprecatedResourcePool,
            "Instance groups no longer support resource_pool, please use 'vm_type' or 'vm_resources' keys"
        );
    }
    let kind: Option<String> = fields.optional("vm_type")?;
    let resources: Option<&Mapping> = fields.optional("vm_resources")?;
    match (kind, resources) {
        (None, None) => refuse!(
            InstanceGroupBadVmConfiguration,
            "Instance group '{name}' is missing either 'vm_type' or 'vm_resources' section."
        ),
        (Some(_), Some(_)) => refuse!(
            InstanceGroupBadVmConfiguration,
            "Instance group '{name}' can only specify 'vm_type' or 'vm_resources' keys."
        ),
        (None, Some(resources)) => Ok(VmSize::Resources(VmResources::parse(resources)?)),
        (Some(kind), None) => {
            if !cloud.vm_types.iter().any(|known| known.name == kind) {
                refuse!(
                    InstanceGroupUnknownVmType,
                    "Instance group '{name}' references an unknown vm type '{kind}'{}",
                    instead(
                        CLOUD_CONFIG,
                        cloud.vm_types.iter().map(|known| known.name.as_str())
                    )
                );
            }
            Ok(VmSize::Type(kind))
        }
    }
}

fn extensions(fields: Fields<'_>, cloud: &CloudConfig) -> Result<Vec<String>, Invalid> {
    let names: Vec<String> = fields.list("vm_extensions")?.iter().map(to_s).collect();
    let known = |name: &String| cloud.vm_extensions.iter().any(|known| known.name == *name);
    match names.iter().find(|name| !known(name)) {
        None => Ok(names),
        Some(name) => refuse!(
            DirectorError,
            "The vm_extension '{name}' has not been configured in cloud-config{}",
            instead(
                CLOUD_CONFIG,
                cloud.vm_extensions.iter().map(|known| known.name.as_str())
            )
        ),
    }
}

fn azs(
    fields: Fields<'_>,
    name: &str,
    networks: &[GroupNetwork],
    cloud: &CloudConfig,
) -> Result<Option<Vec<String>>, Invalid> {
    let given: Option<&[Value]> = fields.optional("azs")?;
    let azs: Vec<String> = given.unwrap_or(&[]).iter().map(to_s).collect();
    for network in networks
        .iter()
        .filter_map(|network| cloud.network(&network.name))
    {
        if !network.has_azs(&azs) {
            refuse!(
                JobNetworkMissingRequiredAvailabilityZone,
                "Instance group '{name}' must specify availability zone that matches availability zones of network '{}'",
                network.name
            );
        }
    }
    let Some(given) = given else {
        return Ok(None);
    };
    if given.is_empty() {
        refuse!(
            JobMissingAvailabilityZones,
            "Instance group '{name}' has empty availability zones"
        );
    }
    for value in given {
        let Value::String(az) = value else {
            refuse!(
                JobInvalidAvailabilityZone,
                "Instance group '{name}' has invalid availability zone '{}', string expected",
                to_s(value)
            );
        };
        if !cloud.azs.iter().any(|known| known.name == *az) {
            refuse!(
                JobUnknownAvailabilityZone,
                "Instance group '{name}' references unknown availability zone '{az}'{}",
                instead(
                    CLOUD_CONFIG,
                    cloud.azs.iter().map(|known| known.name.as_str())
                )
            );
        }
    }
    Ok(Some(azs))
}

fn instances(fields: Fields<'_>, name: &str, networks: &[GroupNetwork]) -> Result<u32, Invalid> {
    let Int(instances) = fields.required("instances")?;
    for network in networks {
        let Some(ranges) = &network.static_ips else {
            continue;
        };
        let count = ranges
            .iter()
            .fold(0u128, |sum, range| sum.saturating_add(range.count()));
        if i128::try_from(count) != Ok(instances) {
            refuse!(
                InstanceGroupNetworkInstanceIpMismatch,
                "Instance group '{name}' has {instances} instances but was allocated {count} static IPs in network '{}'",
                network.name
            );
        }
    }
    // As in the stock, a negative number is none.
    Ok(u32::try_from(instances.max(0)).unwrap_or(u32::MAX))
}
