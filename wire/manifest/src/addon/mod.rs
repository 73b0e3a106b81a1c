//! Addons: jobs for all instance groups that a filter lets through.

mod filter;

pub use filter::{Filter, Subject};

use crate::check::{Fields, Invalid, refuse};
use crate::yaml::{Mapping, Value};

/// Where an addon stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// In a runtime config.
    Runtime,
    /// In a deployment manifest: no filter by deployment, teams are ignored.
    Deployment,
}

impl Level {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Level::Runtime => "runtime",
            Level::Deployment => "deployment",
        }
    }
}

/// Jobs and the filter that says where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addon {
    /// Its name.
    pub name: String,
    /// Its jobs.
    pub jobs: Vec<AddonJob>,
    /// What a group must be like.
    pub include: Filter,
    /// What it must not be like.
    pub exclude: Filter,
}

/// A job of an addon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonJob {
    /// Its name.
    pub name: String,
    /// Its release.
    pub release: String,
    /// Its properties, or else the addon's.
    pub properties: Mapping,
    /// Links it provides, as written.
    pub provides: Mapping,
    /// Links it consumes, as written.
    pub consumes: Mapping,
}

impl Addon {
    fn parse(value: &Value, level: Level) -> Result<Addon, Invalid> {
        let fields = Fields::of(value)?;
        let name = fields.required("name")?;
        let mut jobs = Vec::new();
        let shared = fields.optional::<&Mapping>("properties")?;
        for job in fields.list("jobs")? {
            let job = Fields::of(job)?;
            let own = job.optional::<&Mapping>("properties")?;
            jobs.push(AddonJob {
                name: job.required("name")?,
                release: job.required("release")?,
                provides: job.map("provides")?,
                consumes: job.map("consumes")?,
                properties: own.or(shared).cloned().unwrap_or_default(),
            });
        }
        let include = Filter::parse(fields.optional("include")?, "include", level)?;
        let exclude = Filter::parse(fields.optional("exclude")?, "exclude", level)?;
        Ok(Addon {
            name,
            jobs,
            include,
            exclude,
        })
    }

    /// Whether its jobs go into this group.
    pub fn applies(&self, subject: &Subject<'_>) -> bool {
        self.include.matches(subject) && (self.exclude.is_empty() || !self.exclude.matches(subject))
    }
}

/// Reads `addons`. Each job's release must be one of these.
pub(crate) fn parse_all(
    fields: Fields<'_>,
    releases: &[&str],
    level: Level,
) -> Result<Vec<Addon>, Invalid> {
    let mut addons = Vec::new();
    for value in fields.list("addons")? {
        let addon = Addon::parse(value, level)?;
        for job in &addon.jobs {
            if !releases.contains(&job.release.as_str()) {
                refuse!(
                    AddonReleaseNotListedInReleases,
                    "Manifest specifies job '{}' which is defined in '{}', but '{}' is not listed in the {} releases section.",
                    job.name,
                    job.release,
                    job.release,
                    level.word()
                );
            }
        }
        addons.push(addon);
    }
    Ok(addons)
}
