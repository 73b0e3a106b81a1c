//! Addons into a deployment: those of the manifest first, then each runtime config's.
//!
//! A job that an addon brought counts for the filters of later ones. Releases of runtime configs come
//! along only with addons that go somewhere.

use crate::addon::{Addon, Subject};
use crate::check::{Invalid, refuse};
use crate::deployment::{Deployment, InstanceGroup, Job, Variable, consume, links, provide};
use crate::runtime_config::RuntimeConfig;
use crate::yaml::Mapping;

/// Places all addons. `teams` are the deployment's; `os_of` names the operating system of a stemcell that
/// the manifest names otherwise.
pub fn addons(
    mut deployment: Deployment,
    runtime: &[RuntimeConfig],
    teams: &[String],
    os_of: impl Fn(&str) -> Option<String>,
) -> Result<Deployment, Invalid> {
    for addon in deployment.addons.clone() {
        place(&mut deployment, &addon, teams, &os_of)?;
    }
    let of_runtime = runtime.iter().map(|config| config.variables.as_slice());
    deployment.variables = variables(deployment.variables, of_runtime)?;
    for config in runtime {
        let used: Vec<&Addon> = config
            .addons
            .iter()
            .filter(|addon| {
                deployment
                    .instance_groups
                    .iter()
                    .any(|group| applies(addon, &deployment, group, teams, &os_of))
            })
            .collect();
        for release in &config.releases {
            if !used
                .iter()
                .any(|addon| addon.jobs.iter().any(|job| job.release == release.name))
            {
                continue;
            }
            match deployment.release(&release.name) {
                None => deployment.releases.push(release.clone()),
                Some(known) if known.version != release.version => refuse!(
                    RuntimeInvalidDeploymentRelease,
                    "Runtime manifest specifies release '{}' with version as '{}'. This conflicts with version '{}' specified in the deployment manifest.",
                    release.name,
                    release.version,
                    known.version
                ),
                Some(_) => {}
            }
        }
        for addon in &config.addons {
            place(&mut deployment, addon, teams, &os_of)?;
        }
    }
    Ok(deployment)
}

/// The variables of a manifest, then those of each runtime config: a name is defined once.
///
/// # Errors
/// Code 190022.
pub fn variables<'v>(
    mut all: Vec<Variable>,
    of_runtime: impl IntoIterator<Item = &'v [Variable]>,
) -> Result<Vec<Variable>, Invalid> {
    for variable in of_runtime.into_iter().flatten() {
        if all.iter().any(|known| known.name == variable.name) {
            refuse!(
                DeploymentDuplicateVariableName,
                "Duplicate variable name '{}'",
                variable.name
            );
        }
        all.push(variable.clone());
    }
    Ok(all)
}

/// The tags of a VM: those of runtime configs under those of the manifest under those of the group.
pub fn tags(runtime: &[RuntimeConfig], deployment: &Deployment, group: &InstanceGroup) -> Mapping {
    let mut tags = Mapping::new();
    let layers = runtime
        .iter()
        .map(|config| &config.tags)
        .chain([&deployment.tags, &group.tags]);
    for layer in layers {
        for (key, value) in layer.iter() {
            tags.insert(key.clone(), value.clone());
        }
    }
    tags
}

fn applies(
    addon: &Addon,
    deployment: &Deployment,
    group: &InstanceGroup,
    teams: &[String],
    os_of: &impl Fn(&str) -> Option<String>,
) -> bool {
    let jobs: Vec<(&str, &str)> = group
        .jobs
        .iter()
        .map(|job| (job.name.as_str(), job.release.as_str()))
        .collect();
    let networks: Vec<&str> = group
        .networks
        .iter()
        .map(|network| network.name.as_str())
        .collect();
    let known = deployment
        .stemcell(&group.stemcell)
        .and_then(|stemcell| stemcell.os());
    let os = known.map(str::to_owned).or_else(|| os_of(&group.stemcell));
    addon.applies(&Subject {
        deployment: &deployment.name,
        teams,
        instance_group: &group.name,
        lifecycle: group.lifecycle.word(),
        jobs: &jobs,
        os: os.as_deref(),
        networks: &networks,
        azs: group.azs.as_deref().unwrap_or(&[]),
    })
}

fn place(
    deployment: &mut Deployment,
    addon: &Addon,
    teams: &[String],
    os_of: &impl Fn(&str) -> Option<String>,
) -> Result<(), Invalid> {
    // All groups are judged before any is changed.
    let chosen: Vec<bool> = deployment
        .instance_groups
        .iter()
        .map(|group| applies(addon, deployment, group, teams, os_of))
        .collect();
    for (group, chosen) in deployment.instance_groups.iter_mut().zip(chosen) {
        if !chosen {
            continue;
        }
        for job in &addon.jobs {
            if group.jobs.iter().any(|other| other.name == job.name) {
                refuse!(
                    InstanceGroupInvalidJobs,
                    "Colocated job '{}' is already added to the instance group '{}'",
                    job.name,
                    group.name
                );
            }
            group.jobs.push(Job {
                name: job.name.clone(),
                release: job.release.clone(),
                properties: job.properties.clone(),
                provides: links(&job.name, job.provides.clone(), provide)?,
                consumes: links(&job.name, job.consumes.clone(), consume)?,
                custom_provider_definitions: Vec::new(),
            });
        }
    }
    Ok(())
}
