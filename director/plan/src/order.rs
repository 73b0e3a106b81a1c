//! Who is updated first, and who together.
//!
//! ```text
//! groups:   runs of equal `serial`; serial groups one after another, the others of a run together
//! a group:  zone by zone: the bootstrap instance's zone first, then no zone, then by name
//! a zone:   canaries (in the first zone only), all of which must do well; then max_in_flight at once
//! ```
//!
//! Source: reference of the deploy engine, section 15.

use crate::Group;

/// Groups that are updated together: places in the draft.
#[must_use]
pub fn groups(groups: &[Group]) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        let joins = !group.update.serial
            && runs
                .last()
                .and_then(|run| run.last())
                .is_some_and(|last| !groups[*last].update.serial);
        match runs.last_mut() {
            Some(run) if joins => run.push(place),
            _ => runs.push(vec![place]),
        }
    }
    runs
}

/// Instances that are updated one batch after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Places in the group.
    pub instances: Vec<usize>,
    /// How many at once.
    pub at_once: usize,
    /// Whether the deploy ends if one of them fails before the next batch is touched, and which watch
    /// time counts.
    pub canaries: bool,
}

/// The batches of a group, of those instances that have to be changed.
#[must_use]
pub fn batches(group: &Group, changed: &[usize], is_first_deploy: bool) -> Vec<Batch> {
    let first_zone = group
        .instances
        .iter()
        .find(|instance| instance.bootstrap)
        .map(|instance| instance.az.clone());
    let mut sorted: Vec<usize> = changed.to_vec();
    sorted.sort_by_key(|place| {
        let instance = &group.instances[*place];
        let is_first = Some(&instance.az) == first_zone.as_ref();
        (
            !is_first,
            instance.az.clone(),
            !instance.bootstrap,
            instance.uuid.clone(),
        )
    });
    let all_at_once = is_first_deploy && group.update.azs_in_parallel_at_first;
    let mut zones: Vec<Vec<usize>> = Vec::new();
    for place in sorted {
        let zone = &group.instances[place].az;
        match zones.last_mut() {
            Some(last) if all_at_once || group.instances[last[0]].az == *zone => last.push(place),
            _ => zones.push(vec![place]),
        }
    }
    let mut batches = Vec::new();
    for (number, zone) in zones.into_iter().enumerate() {
        let size = zone.len();
        let count = |count: Option<i64>| {
            count.map_or(0, |count| usize::try_from(count.max(0)).unwrap_or(0))
        };
        let canaries = if number == 0 {
            count(group.update.canaries.of(size)).min(size)
        } else {
            0
        };
        let at_once = count(group.update.max_in_flight.of(size)).max(1);
        let (first, rest) = zone.split_at(canaries);
        if !first.is_empty() {
            batches.push(Batch {
                instances: first.to_vec(),
                at_once: at_once.min(first.len()),
                canaries: true,
            });
        }
        if !rest.is_empty() {
            batches.push(Batch {
                instances: rest.to_vec(),
                at_once,
                canaries: false,
            });
        }
    }
    batches
}
