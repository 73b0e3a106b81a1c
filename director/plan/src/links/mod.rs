//! Links: what jobs provide to each other.
//!
//! A provider is found by its type alone if nothing is said and there is exactly one, or by type and
//! name; in another deployment only if it is shared. Source: reference of the deploy engine, section 8.

mod alias;
mod content;
mod find;
mod offer;
mod seen;

use serde_json::Value;

use crate::output::Group;
use crate::{Error, Input};

pub use alias::Alias;
pub(crate) use content::dns_name;
pub use offer::names_wanted;
pub use seen::for_external;

/// What is provided and consumed in a deployment.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// What is provided.
    pub offers: Vec<Offer>,
    /// What is consumed.
    pub wants: Vec<Want>,
}

/// Something that is provided.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Place of the group in the draft.
    pub group: usize,
    /// `job` or `disk`.
    pub owner_kind: &'static str,
    /// The job's or disk's name.
    pub owner: String,
    /// Its name in the job.
    pub original_name: String,
    /// The link's type.
    pub kind: String,
    /// Its name in the manifest.
    pub name: String,
    /// Whether other deployments may use it.
    pub shared: bool,
    /// Whether anybody may.
    pub consumable: bool,
    /// What it says, placeholders kept.
    pub content: Value,
    /// Names of the manifest's choice that stand for who provides it.
    pub aliases: Vec<Alias>,
}

/// Something that is consumed.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// Place of the group in the draft.
    pub group: usize,
    /// Place of the job in the group.
    pub job: usize,
    /// The job's name.
    pub owner: String,
    /// Its name in the job.
    pub original_name: String,
    /// The link's type.
    pub kind: String,
    /// The name that the manifest asks for.
    pub name: Option<String>,
    /// Whether it may be missing.
    pub optional: bool,
    /// Whether the manifest says it shall be missing.
    pub blocked: bool,
    /// What came of it.
    pub found: Option<Found>,
}

/// What came of a want.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Who provides it.
    pub from: From,
    /// What templates see.
    pub values: Value,
}

/// Who provides a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Place among the offers.
    Own(usize),
    /// Key of another deployment's.
    Shared(i64),
    /// The manifest itself.
    Manual,
}

/// Finds all links of a draft's groups and gives them to its jobs.
pub(crate) fn resolve(input: &Input<'_>, groups: &mut [Group]) -> Result<Links, Error> {
    let mut links = Links::default();
    let mut errors = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        offer::offers(input, place, group, &mut links.offers)?;
    }
    for (place, group) in groups.iter().enumerate() {
        for (number, job) in group.jobs.iter().enumerate() {
            let spec = &input.releases[job.release].jobs[job.job].spec;
            let manifest = offer::job_of(input, &group.name, &job.name);
            for link in &spec.consumes {
                let said = manifest.and_then(|job| {
                    job.consumes
                        .iter()
                        .find(|(name, _)| *name == link.name)
                        .map(|(_, consume)| consume)
                });
                let mut want = Want {
                    group: place,
                    job: number,
                    owner: job.name.clone(),
                    original_name: link.name.clone(),
                    kind: link.kind.clone(),
                    name: None,
                    optional: link.optional,
                    blocked: false,
                    found: None,
                };
                match find::find(input, &group.name, &links.offers, groups, said, &mut want) {
                    Ok(found) => want.found = found,
                    Err(error) => errors.push(error),
                }
                links.wants.push(want);
            }
            if let Some(unknown) = manifest.and_then(|job| {
                job.consumes
                    .iter()
                    .find(|(name, _)| !spec.consumes.iter().any(|link| link.name == *name))
            }) {
                errors.push(format!(
                    "Job '{}' in instance group '{}' specifies link consumer '{}' that does not exist in its release spec",
                    job.name, group.name, unknown.0
                ));
            }
        }
    }
    if !errors.is_empty() {
        let list: Vec<String> = errors
            .iter()
            .map(|error| format!("  - {}", error.replace('\n', "\n    ")))
            .collect();
        return Err(Error::new(
            100,
            format!(
                "Failed to resolve links from deployment '{}'. See errors below:\n{}",
                input.deployment.name,
                list.join("\n")
            ),
        ));
    }
    for want in &links.wants {
        if let Some(found) = &want.found {
            let job = &mut groups[want.group].jobs[want.job];
            let name = want.original_name.clone();
            if let From::Shared(id) = found.from
                && let Some(of) = input.providers.iter().find(|provider| provider.id == id)
            {
                job.providers.insert(name.clone(), of.deployment.clone());
            }
            job.links.insert(name, found.values.clone());
        }
    }
    for offer in &links.offers {
        let id = ("link".to_owned(), format!("{}-{}", offer.name, offer.kind));
        if offer.owner_kind != "job" || !offer.consumable {
            continue;
        }
        let group = input
            .ids
            .groups
            .get(&id)
            .map_or(String::new(), i64::to_string);
        if let Some(job) = groups[offer.group]
            .jobs
            .iter_mut()
            .find(|job| job.name == offer.owner)
        {
            job.provides
                .push((offer.kind.clone(), offer.name.clone(), group));
        }
    }
    Ok(links)
}
