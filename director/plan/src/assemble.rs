//! From everything that is known to a draft.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use warren_wire_manifest::check::instead;
use warren_wire_manifest::deployment::{Disks, InstanceGroup, VmSize};

use crate::addresses::Pool;
use crate::json::from_mapping;
use crate::machine::Base;
use crate::output::{DiskWanted, Draft, Group, InstancePlan, JobPlan, State};
use crate::placement::{Candidates, Placed};
use crate::{Error, Input, compile, links, machine, properties, swap};

/// Decides which instance is where, with which number, id and addresses, and who provides what to
/// whom. Given what came of a draft as what exists, it decides the same again: so it is called once
/// more when new instances have got rows and addresses.
///
/// # Errors
/// Everything that makes a manifest impossible, with the director's codes.
pub fn assemble(input: &Input<'_>) -> Result<Draft, Error> {
    check_change(input)?;
    let mut pool = Pool::new(input.taken);
    let mut claimed = BTreeSet::new();
    let mut groups = Vec::new();
    for group in &input.deployment.instance_groups {
        groups.push(plan_group(input, group, &mut pool, &mut claimed)?);
    }
    let obsolete = obsolete(input, &claimed)?;
    let links = links::resolve(input, &mut groups)?;
    Ok(Draft {
        groups,
        obsolete,
        links,
    })
}

/// An ignored instance whose state is asked to change: not one of a group or deployment that is, it is
/// passed over there.
fn check_change(input: &Input<'_>) -> Result<(), Error> {
    let Some(change) = &input.options.change else {
        return Ok(());
    };
    let is_meant = |instance: &&crate::Instance| {
        let id = change.id.as_ref();
        instance.ignored
            && change.group.as_ref() == Some(&instance.group)
            && id.is_some_and(|id| *id == instance.uuid || *id == instance.index.to_string())
    };
    match input.existing.instances.iter().find(is_meant) {
        Some(instance) => Err(Error::new(
            140_021,
            format!(
                "You are trying to change the state of the ignored instance '{}/{}'. This operation is not allowed. You need to unignore it first.",
                instance.group, instance.uuid
            ),
        )),
        None => Ok(()),
    }
}

/// Instances whose group is gone.
fn obsolete(input: &Input<'_>, claimed: &BTreeSet<usize>) -> Result<Vec<i64>, Error> {
    let mut gone = Vec::new();
    for (place, instance) in input.existing.instances.iter().enumerate() {
        if claimed.contains(&place) {
            continue;
        }
        if instance.ignored {
            return Err(Error::new(
                190_020,
                format!(
                    "You are trying to delete instance group '{}', which contains ignored instance(s). Operation not allowed.",
                    instance.group
                ),
            ));
        }
        gone.push(instance.id);
    }
    Ok(gone)
}

fn plan_group(
    input: &Input<'_>,
    group: &InstanceGroup,
    pool: &mut Pool,
    claimed: &mut BTreeSet<usize>,
) -> Result<Group, Error> {
    let jobs = jobs(input, group)?;
    let packages = packages(input, group, &jobs)?;
    let stemcell = input
        .stemcells
        .iter()
        .position(|stemcell| stemcell.alias == group.stemcell)
        .ok_or_else(|| {
            Error::new(
                140_005,
                format!(
                    "Instance group '{}' references an unknown stemcell '{}'",
                    group.name, group.stemcell
                ),
            )
        })?;
    compile::check_exports(input, group, &jobs, stemcell)?;
    let mut mine: Vec<usize> = input
        .existing
        .instances
        .iter()
        .enumerate()
        .filter(|(_, instance)| {
            instance.group == group.name
                || group
                    .migrated_from
                    .iter()
                    .any(|from| from.name == instance.group)
        })
        .map(|(place, _)| place)
        .collect();
    mine.sort_by_key(|place| {
        let instance = &input.existing.instances[*place];
        (instance.index, instance.id)
    });
    claimed.extend(&mine);
    let placed = Candidates {
        group,
        cloud: input.cloud,
        instances: mine
            .iter()
            .map(|place| (*place, &input.existing.instances[*place]))
            .collect(),
        taken: input.taken,
        scattered: input
            .deployment
            .features
            .randomize_az_placement
            .then_some(input.deployment.name.as_str()),
    }
    .place()?;
    let stay: BTreeSet<usize> = placed.iter().filter_map(|place| place.existing).collect();
    let surplus = mine
        .iter()
        .filter(|place| !stay.contains(place))
        .map(|place| input.existing.instances[*place].id)
        .collect();
    let instances = instances(input, group, &mine, placed, stemcell, pool)?;
    let features = &input.deployment.features;
    let (vm_type, vm_resources) = match &group.vm {
        VmSize::Type(name) => (Some(name.clone()), None),
        VmSize::Resources(resources) => (None, Some(Value::Object(machine::size(resources)))),
    };
    let mut tags = input.options.tags.clone();
    tags.extend(from_mapping(&input.deployment.tags));
    tags.extend(from_mapping(&group.tags));
    Ok(Group {
        name: group.name.clone(),
        lifecycle: group.lifecycle,
        update: group.update.clone(),
        stemcell,
        jobs,
        packages,
        instances,
        surplus,
        disks: disks(input, group),
        env: machine::env(input.deployment, group),
        vm_type,
        vm_resources,
        tags,
        use_dns_addresses: features
            .use_dns_addresses
            .unwrap_or(input.director.use_dns_addresses),
    })
}

fn jobs(input: &Input<'_>, group: &InstanceGroup) -> Result<Vec<JobPlan>, Error> {
    let mut jobs = Vec::with_capacity(group.jobs.len());
    for job in &group.jobs {
        let release = input
            .releases
            .iter()
            .position(|release| release.name == job.release);
        let Some(release) = release else {
            return Err(Error::new(
                140_002,
                format!(
                    "Job '{}' (instance group '{}') references an unknown release '{}'",
                    job.name, group.name, job.release
                ),
            ));
        };
        let known = &input.releases[release];
        let Some(place) = known.jobs.iter().position(|other| other.name == job.name) else {
            return Err(Error::new(
                140_029,
                format!(
                    "Job '{}' not found in release '{}/{}' (instance group '{}'){}",
                    job.name,
                    known.name,
                    known.version,
                    group.name,
                    instead(
                        "the release",
                        known.jobs.iter().map(|one| one.name.as_str())
                    )
                ),
            ));
        };
        let given = from_mapping(&job.properties);
        jobs.push(JobPlan {
            name: job.name.clone(),
            release,
            job: place,
            properties: properties::declared(&known.jobs[place].spec, &given)?,
            links: BTreeMap::new(),
            providers: BTreeMap::new(),
            provides: Vec::new(),
        });
    }
    Ok(jobs)
}

/// The packages of a group's jobs; of one name there can be only one.
fn packages(
    input: &Input<'_>,
    group: &InstanceGroup,
    jobs: &[JobPlan],
) -> Result<BTreeMap<String, (usize, usize)>, Error> {
    let mut packages: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for job in jobs {
        let release = &input.releases[job.release];
        for name in &release.jobs[job.job].packages {
            let Some(place) = release
                .packages
                .iter()
                .position(|package| package.name == *name)
            else {
                return Err(Error::new(
                    60_000,
                    format!(
                        "Job '{}' of release '{}/{}' needs package '{name}', which is not in the release",
                        job.name, release.name, release.version
                    ),
                ));
            };
            let new = &release.packages[place];
            if let Some((other, at)) = packages.get(name) {
                let old = &input.releases[*other].packages[*at];
                let same =
                    old.fingerprint == new.fingerprint && old.dependencies == new.dependencies;
                if !same {
                    return Err(Error::new(
                        80_011,
                        format!(
                            "Package name collision detected in instance group '{}': job '{}/{}' depends on package '{}/{name}', which has another content in release '{}'. \
                             BOSH cannot currently collocate two packages with identical names from separate releases.",
                            group.name,
                            release.name,
                            job.name,
                            release.name,
                            input.releases[*other].name
                        ),
                    ));
                }
                continue;
            }
            packages.insert(name.clone(), (job.release, place));
        }
    }
    Ok(packages)
}

fn disks(input: &Input<'_>, group: &InstanceGroup) -> Vec<DiskWanted> {
    let of_type = |name: &str, kind: &str| {
        let known = input.cloud.disk_types.iter().find(|disk| disk.name == kind);
        DiskWanted {
            name: name.to_owned(),
            size: known.map_or(0, |disk| disk.disk_size),
            cloud_properties: known
                .map(|disk| from_mapping(&disk.cloud_properties))
                .unwrap_or_default(),
            kind: Some(kind.to_owned()),
        }
    };
    let mut wanted = match &group.disks {
        Disks::None => Vec::new(),
        Disks::Size(size) => vec![DiskWanted {
            name: String::new(),
            size: *size,
            cloud_properties: Map::new(),
            kind: None,
        }],
        Disks::Type(kind) => vec![of_type("", kind)],
        Disks::Named(named) => named
            .iter()
            .map(|(name, kind)| of_type(name, kind))
            .collect(),
    };
    // No disk is a disk of no size.
    wanted.retain(|disk| disk.size > 0);
    wanted
}

fn instances(
    input: &Input<'_>,
    group: &InstanceGroup,
    mine: &[usize],
    placed: Vec<Placed>,
    stemcell: usize,
    pool: &mut Pool,
) -> Result<Vec<InstancePlan>, Error> {
    let mut used: BTreeSet<i64> = mine
        .iter()
        .map(|place| input.existing.instances[*place].index)
        .collect();
    let mut plans = Vec::with_capacity(placed.len());
    let mut seen = BTreeSet::new();
    for place in placed {
        let existing = place.existing;
        let (uuid, index) = match existing {
            Some(at) => {
                let instance = &input.existing.instances[at];
                // Two groups that become one may have the same numbers.
                let index = if seen.contains(&instance.index) {
                    lowest(&mut used)
                } else {
                    instance.index
                };
                (instance.uuid.clone(), index)
            }
            None => ((input.new_id)(), lowest(&mut used)),
        };
        seen.insert(index);
        used.insert(index);
        let (state, once) = state(input, group, existing, &uuid, index);
        let cloud_properties = cloud_properties(input, group, place.az.as_deref());
        let choice = swap::Wanted {
            input,
            group,
            instance: existing.map(|at| &input.existing.instances[at]),
            place: &place,
            title: &format!("{}/{uuid} ({index})", group.name),
            stemcell,
            state,
            once: once.as_deref(),
            cloud_properties: &cloud_properties,
        };
        let chosen = choice.choose(pool)?;
        plans.push(InstancePlan {
            existing,
            cpi: machine::cpi(input.cloud, place.az.as_deref()),
            cloud_properties,
            az: place.az,
            bootstrap: false,
            ignored: existing.is_some_and(|at| input.existing.instances[at].ignored),
            uuid,
            index,
            state,
            once,
            networks: chosen.networks,
            obsolete_addresses: chosen.obsolete,
            idle_addresses: chosen.idle,
            swap: chosen.swap,
            unfit: chosen.unfit,
        });
    }
    plans.sort_by_key(|plan| plan.index);
    let first = plans
        .iter()
        .position(|plan| {
            plan.existing
                .is_some_and(|at| input.existing.instances[at].bootstrap)
        })
        .unwrap_or(0);
    if let Some(plan) = plans.get_mut(first) {
        plan.bootstrap = true;
    }
    Ok(plans)
}

fn lowest(used: &mut BTreeSet<i64>) -> i64 {
    let mut index = 0;
    while used.contains(&index) {
        index += 1;
    }
    used.insert(index);
    index
}

/// What the CPI is told of a group's machines in a zone.
fn cloud_properties(
    input: &Input<'_>,
    group: &InstanceGroup,
    az: Option<&str>,
) -> Map<String, Value> {
    let base = match &group.vm {
        VmSize::Type(name) => Base::Type(name),
        VmSize::Resources(resources) => {
            let cpi = machine::cpi(input.cloud, az);
            Base::Properties(input.sizes.find(&cpi, &machine::size(resources)))
        }
    };
    machine::properties(input.cloud, az, base, &group.vm_extensions)
}

fn state(
    input: &Input<'_>,
    group: &InstanceGroup,
    existing: Option<usize>,
    uuid: &str,
    index: i64,
) -> (State, Option<String>) {
    let now = existing.map_or("started", |at| &input.existing.instances[at].state);
    let is_meant = |id: &str| id == uuid || id == index.to_string();
    let asked = input.options.change.as_ref().filter(|change| {
        change.group.as_ref().is_none_or(|name| *name == group.name)
            && change.id.as_ref().is_none_or(|id| is_meant(id))
    });
    let wanted = asked
        .map(|change| change.state.as_str())
        .or_else(|| {
            let single = group.instance_states.iter().find(|(id, _)| is_meant(id));
            single.map(|(_, state)| state.as_str())
        })
        .or(group.state.as_deref());
    match wanted.unwrap_or(now) {
        "stopped" => (State::Stopped, None),
        "detached" => (State::Detached, None),
        once @ ("restart" | "recreate") => (State::Started, Some(once.to_owned())),
        _ => (State::Started, None),
    }
}
