//! What jobs and disks of a deployment provide.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use warren_wire_manifest::deployment::{Deployment, Job, Provide};
use warren_wire_release::JobSpec;

use super::{Offer, alias, content::content};
use crate::output::Group;
use crate::properties::{insert, lookup};
use crate::{Error, Input, Release};

/// The names that need numbers before a plan can be made: zones, networks, and groups by type.
#[must_use]
pub fn names_wanted(
    deployment: &Deployment,
    releases: &[Release],
) -> (
    BTreeSet<String>,
    BTreeSet<String>,
    BTreeSet<(String, String)>,
) {
    let (mut azs, mut networks, mut groups) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for group in &deployment.instance_groups {
        azs.extend(group.azs.iter().flatten().cloned());
        networks.extend(group.networks.iter().map(|network| network.name.clone()));
        groups.insert(("instance-group".to_owned(), group.name.clone()));
        for job in &group.jobs {
            let spec = releases
                .iter()
                .find(|release| release.name == job.release)
                .and_then(|release| release.jobs.iter().find(|known| known.name == job.name));
            for link in spec
                .iter()
                .flat_map(|known| provided(&known.spec, Some(job)))
            {
                let name = offered_name(&job.provides, &link.name);
                groups.insert(("link".to_owned(), format!("{name}-{}", link.kind)));
            }
        }
    }
    (azs, networks, groups)
}

/// A link that a job provides.
struct Provided {
    name: String,
    kind: String,
    /// Names of the properties that it lets be known.
    properties: Vec<String>,
}

/// What a job provides by its release, and by the manifest.
fn provided(spec: &JobSpec, manifest: Option<&Job>) -> Vec<Provided> {
    let declared = spec.provides.iter().map(|link| Provided {
        name: link.name.clone(),
        kind: link.kind.clone(),
        properties: link.properties.clone(),
    });
    let custom = manifest.map_or(&[][..], |job| &job.custom_provider_definitions);
    let custom = custom.iter().map(|definition| {
        let text = |key: &str| {
            let value = definition.get(key).and_then(|value| value.as_str());
            value.unwrap_or_default().to_owned()
        };
        let properties = definition
            .get("properties")
            .and_then(|value| value.as_seq());
        Provided {
            name: text("name"),
            kind: text("type"),
            properties: properties
                .unwrap_or_default()
                .iter()
                .filter_map(|value| value.as_str().map(ToOwned::to_owned))
                .collect(),
        }
    });
    declared.chain(custom).collect()
}

fn offered_name(provides: &[(String, Provide)], name: &str) -> String {
    provides
        .iter()
        .find(|(known, _)| known == name)
        .and_then(|(_, provide)| match provide {
            Provide::Offered {
                as_name: Some(name),
                ..
            } => Some(name.clone()),
            _ => None,
        })
        .unwrap_or_else(|| name.to_owned())
}

pub(super) fn job_of<'i>(input: &'i Input<'_>, group: &str, job: &str) -> Option<&'i Job> {
    input
        .deployment
        .instance_groups
        .iter()
        .find(|known| known.name == group)?
        .jobs
        .iter()
        .find(|known| known.name == job)
}

pub(super) fn offers(
    input: &Input<'_>,
    place: usize,
    group: &Group,
    offers: &mut Vec<Offer>,
) -> Result<(), Error> {
    for job in &group.jobs {
        let spec = &input.releases[job.release].jobs[job.job].spec;
        let manifest = job_of(input, &group.name, &job.name);
        let said: &[(String, Provide)] = manifest.map_or(&[], |job| &job.provides);
        for Provided {
            name,
            kind,
            properties,
        } in provided(spec, manifest)
        {
            let provide = said
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, provide)| provide);
            let (shared, consumable, aliases) = match provide {
                Some(Provide::Blocked) => (false, false, Vec::new()),
                Some(Provide::Offered {
                    shared, aliases, ..
                }) => (
                    *shared,
                    true,
                    alias::parse(aliases, &name, &job.name, &group.name)?,
                ),
                None => (false, true, Vec::new()),
            };
            let shown = shown(spec, job, &properties, &group.name)?;
            offers.push(Offer {
                group: place,
                owner_kind: "job",
                owner: job.name.clone(),
                name: offered_name(said, &name),
                original_name: name,
                kind,
                shared,
                consumable,
                content: content(input, group, shown),
                aliases,
            });
        }
    }
    for disk in group.disks.iter().filter(|disk| !disk.name.is_empty()) {
        let mut shown = Map::new();
        shown.insert("name".into(), json!(disk.name));
        offers.push(Offer {
            group: place,
            owner_kind: "disk",
            owner: disk.name.clone(),
            original_name: disk.name.clone(),
            kind: "disk".to_owned(),
            name: disk.name.clone(),
            shared: false,
            consumable: true,
            content: content(input, group, shown),
            aliases: Vec::new(),
        });
    }
    Ok(())
}

/// The properties that a provider lets be known.
fn shown(
    spec: &JobSpec,
    job: &crate::JobPlan,
    names: &[String],
    group: &str,
) -> Result<Map<String, Value>, Error> {
    let mut shown = Map::new();
    for name in names {
        if !spec.properties.contains_key(name) {
            return Err(Error::new(
                100,
                format!(
                    "Link property {name} in template {} is not defined in release spec (instance group '{group}')",
                    job.name
                ),
            ));
        }
        let value = lookup(&job.properties, name)?.cloned().unwrap_or_default();
        insert(&mut shown, name, value);
    }
    Ok(shown)
}
