//! Which instances an errand runs on, and whether they are what they were when it ran last.

use sha1::{Digest as _, Sha1};
use warren_director_plan::{Group, InstancePlan, State, assemble};
use warren_director_store::work::Errand;
use warren_wire_manifest::deployment::Lifecycle;

use crate::Error;
use crate::jobs::planning::{Known, Ready};

/// Whether a group has the errand as a job.
pub(super) fn has_job(known: &Known, group: &Group, name: &str) -> bool {
    group.jobs.iter().any(|plan| {
        plan.name == name && known.releases[plan.release].jobs[plan.job].spec.is_errand()
    })
}

/// Groups for errands that an errand runs on.
///
/// # Errors
/// Code 70009 if there is no such errand.
pub(in crate::jobs) fn groups_to_make(known: &Known, name: &str) -> Result<Vec<String>, Error> {
    let draft = assemble(&known.input())?;
    let is_meant = |group: &&Group| group.name == name && group.lifecycle == Lifecycle::Errand;
    let mut groups: Vec<&Group> = draft
        .groups
        .iter()
        .filter(|group| has_job(known, group, name))
        .collect();
    if groups.is_empty() {
        groups = draft.groups.iter().filter(is_meant).collect();
    }
    if groups.is_empty() {
        return Err(Error::refused(
            70_009,
            format!("Errand '{name}' doesn't exist"),
        ));
    }
    let for_errands = groups
        .iter()
        .filter(|group| group.lifecycle == Lifecycle::Errand);
    Ok(for_errands.map(|group| group.name.clone()).collect())
}

/// An instance to run on.
#[derive(Clone, Copy)]
pub(super) struct Place<'r> {
    pub(super) group: &'r Group,
    pub(super) plan: &'r InstancePlan,
}

/// The instances to run on.
///
/// # Errors
/// Code 510000 if there are none, or one cannot be had.
pub(super) fn all<'r>(
    wanted: &Errand,
    ready: &'r Ready,
    by_job: bool,
) -> Result<Vec<Place<'r>>, Error> {
    let name = &wanted.name;
    let filters = &wanted.instances;
    if !by_job && !filters.is_empty() {
        return Err(Error::refused(
            510_000,
            format!("Instances cannot be chosen for '{name}', which is a group and no job"),
        ));
    }
    let mut places = Vec::new();
    for group in &ready.draft.groups {
        let is_meant = if by_job {
            has_job(&ready.known, group, name)
        } else {
            group.name == *name && group.lifecycle == Lifecycle::Errand
        };
        if !is_meant {
            continue;
        }
        let all = group.instances.iter().enumerate();
        let chosen = all.filter(|(place, plan)| match by_job {
            false => *place == 0,
            true => {
                filters.is_empty()
                    || filters.iter().any(|(wanted, id)| {
                        *wanted == group.name && id.as_ref().is_none_or(|id| is(id, plan))
                    })
            }
        });
        places.extend(chosen.map(|(_, plan)| Place { group, plan }));
    }
    if places.is_empty() {
        return Err(Error::refused(
            510_000,
            format!("No instance that was chosen has the errand '{name}'"),
        ));
    }
    let stopped = places
        .iter()
        .find(|place| place.plan.state != State::Started);
    if let Some(place) = stopped {
        return Err(Error::refused(
            510_000,
            format!(
                "Cannot run errand '{name}' on '{}', which is stopped",
                place.plan.title(&place.group.name)
            ),
        ));
    }
    Ok(places)
}

/// Whether an instance is meant by `first`, an index or an id.
fn is(id: &str, plan: &InstancePlan) -> bool {
    match id {
        "first" => plan.bootstrap,
        id => plan.uuid == id || id.parse::<i64>() == Ok(plan.index),
    }
}

/// What the instances are made of, as a hash: the same again means that nothing changed.
pub(super) fn state_hash(ready: &Ready, places: &[Place<'_>]) -> String {
    let hex = |bytes: &[u8]| -> String {
        let hash = Sha1::digest(bytes);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut all: Vec<String> = places
        .iter()
        .map(|place| {
            let files = ready.decided.files.get(&place.plan.uuid);
            let configuration = files.map(|files| files.hashes.configuration_hash.as_str());
            let packages = ready.decided.packages.get(&place.group.name);
            let packages = packages
                .map(warren_director_plan::json::sorted)
                .unwrap_or_default();
            let text = format!(
                "{}{}{packages}",
                place.plan.uuid,
                configuration.unwrap_or_default()
            );
            hex(text.as_bytes())
        })
        .collect();
    all.sort();
    hex(all.concat().as_bytes())
}
