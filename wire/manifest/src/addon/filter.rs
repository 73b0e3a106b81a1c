//! `include` and `exclude`: rules that must all match, each by one of its items.

use super::Level;
use crate::check::{Fields, Invalid, inspect, refuse, to_s};
use crate::yaml::{Mapping, Value};

/// Rules about deployments and instance groups; an empty rule says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of deployments.
    pub deployments: Vec<String>,
    /// Jobs by name and release.
    pub jobs: Vec<(String, String)>,
    /// Operating systems of stemcells.
    pub stemcells: Vec<String>,
    /// Names of networks.
    pub networks: Vec<String>,
    /// Teams of the deployment.
    pub teams: Vec<String>,
    /// Availability zones.
    pub azs: Vec<String>,
    /// Names of instance groups.
    pub instance_groups: Vec<String>,
    /// `service` or `errand`.
    pub lifecycle: Option<String>,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// Its teams.
    pub teams: &'a [String],
    /// The instance group's name.
    pub instance_group: &'a str,
    /// `service` or `errand`.
    pub lifecycle: &'a str,
    /// Its jobs by name and release, with those that addons brought so far.
    pub jobs: &'a [(&'a str, &'a str)],
    /// The operating system of its stemcell, as far as it is known.
    pub os: Option<&'a str>,
    /// Its networks.
    pub networks: &'a [&'a str],
    /// Its availability zones.
    pub azs: &'a [String],
}

impl Filter {
    pub(super) fn parse(
        map: Option<&Mapping>,
        kind: &str,
        level: Level,
    ) -> Result<Filter, Invalid> {
        let Some(map) = map else {
            return Ok(Filter::default());
        };
        let fields = Fields::of_map(map);
        let texts = |key| Ok::<_, Invalid>(fields.list(key)?.iter().map(to_s).collect::<Vec<_>>());
        let deployments = texts("deployments")?;
        if level == Level::Deployment && !deployments.is_empty() {
            refuse!(
                RuntimeConfigParseError,
                "Deployment filter is not allowed for deployment level addons."
            );
        }
        let text = |item: &Value, key: &str| {
            Fields::of(item)?
                .optional::<String>(key)
                .map(Option::unwrap_or_default)
        };
        let mut jobs = Vec::new();
        for item in fields.list("jobs")? {
            let (name, release) = (text(item, "name")?, text(item, "release")?);
            if name.is_empty() || release.is_empty() {
                refuse!(
                    AddonIncompleteFilterJobSection,
                    "Job {} in {} config's {kind} section must have both name and release.",
                    inspect(item),
                    level.word()
                );
            }
            jobs.push((name, release));
        }
        let mut stemcells = Vec::new();
        for item in fields.list("stemcell")? {
            let os = text(item, "os")?;
            if os.is_empty() {
                refuse!(
                    AddonIncompleteFilterStemcellSection,
                    "Stemcell {} in {} config's {kind} section must have an os name.",
                    inspect(item),
                    level.word()
                );
            }
            stemcells.push(os);
        }
        let teams = texts("teams")?;
        Ok(Filter {
            deployments,
            jobs,
            stemcells,
            networks: texts("networks")?,
            teams: if level == Level::Deployment {
                Vec::new()
            } else {
                teams
            },
            azs: texts("azs")?,
            instance_groups: texts("instance_groups")?,
            lifecycle: fields
                .optional("lifecycle")?
                .filter(|kind: &String| !kind.is_empty()),
        })
    }

    /// Whether no rule says anything.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether every rule that says something matches.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        fn rule<T>(items: &[T], fits: impl Fn(&T) -> bool) -> bool {
            items.is_empty() || items.iter().any(fits)
        }
        rule(&self.deployments, |name| name == subject.deployment)
            && rule(&self.jobs, |(name, release)| {
                subject.jobs.contains(&(name.as_str(), release.as_str()))
            })
            && rule(&self.stemcells, |os| Some(os.as_str()) == subject.os)
            && rule(&self.networks, |name| {
                subject.networks.contains(&name.as_str())
            })
            && rule(&self.teams, |team| subject.teams.contains(team))
            && rule(&self.azs, |az| subject.azs.contains(az))
            && rule(&self.instance_groups, |name| name == subject.instance_group)
            && self
                .lifecycle
                .as_deref()
                .is_none_or(|kind| kind == subject.lifecycle)
    }
}
