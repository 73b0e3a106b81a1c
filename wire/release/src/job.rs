//! `job.MF`, the `spec` of a job: templates, packages, links and properties.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use yaml_serde::Value;

use crate::yaml::{self, YamlError, or_default};
use crate::{InvalidName, check_name};

/// A link that a job consumes or provides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// Its name in the job.
    pub name: String,
    /// What it is matched by.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the job does without (consumed links only).
    #[serde(default, deserialize_with = "or_default")]
    pub optional: bool,
    /// Names of the properties it shows (provided links only).
    #[serde(default, deserialize_with = "or_default")]
    pub properties: Vec<String>,
}

/// A property of a job.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Property {
    /// For people.
    #[serde(default)]
    pub description: Option<Value>,
    /// What it is if no manifest says.
    #[serde(default)]
    pub default: Option<Value>,
    /// For people.
    #[serde(default)]
    pub example: Option<Value>,
}

/// What a job says of itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct JobSpec {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<Value>,
    /// Where each template goes, in the order of the document.
    #[serde(default, deserialize_with = "pairs")]
    pub templates: Vec<(String, String)>,
    /// Names of the packages it needs.
    #[serde(default, deserialize_with = "or_default")]
    pub packages: Vec<String>,
    /// Links it takes.
    #[serde(default, deserialize_with = "or_default")]
    pub consumes: Vec<Link>,
    /// Links it gives.
    #[serde(default, deserialize_with = "or_default")]
    pub provides: Vec<Link>,
    /// Its properties by dotted name.
    #[serde(default, deserialize_with = "properties")]
    pub properties: BTreeMap<String, Property>,
    /// Which logs are fetched by which name.
    #[serde(default, deserialize_with = "or_default")]
    pub logs: BTreeMap<String, Value>,
}

/// A job's spec that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJob {
    /// Not such a document.
    #[error("cannot read the job's spec")]
    Yaml(#[from] YamlError),
    /// A name that is none.
    #[error("the job's spec has a bad name")]
    Name(#[from] InvalidName),
    /// A template's source or destination that leaves its directory.
    #[error("the job {job:?} has a template {path:?} that is no path inside of it")]
    Path {
        /// The job.
        job: String,
        /// The path.
        path: String,
    },
    /// Two links of one name, or an optional link that is provided.
    #[error("the job {job:?} {side} the link {link:?} {how}")]
    Link {
        /// The job.
        job: String,
        /// `consumes` or `provides`.
        side: &'static str,
        /// The link.
        link: String,
        /// What is wrong.
        how: &'static str,
    },
}

impl JobSpec {
    /// Reads a spec and checks it by itself.
    ///
    /// # Errors
    /// [`InvalidJob`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidJob> {
        let spec: Self = yaml::read(bytes)?;
        spec.check()?;
        Ok(spec)
    }

    /// Whether it can be run as an errand.
    pub fn is_errand(&self) -> bool {
        let is_run = |to: &str| matches!(to, "bin/run" | "bin/run.ps1");
        self.templates.iter().any(|(_, to)| is_run(to))
    }

    fn check(&self) -> Result<(), InvalidJob> {
        check_name("job", &self.name)?;
        let job = || self.name.clone();
        for path in self.templates.iter().flat_map(|(from, to)| [from, to]) {
            if !is_inside(path) {
                return Err(InvalidJob::Path {
                    job: job(),
                    path: path.chars().take(200).collect(),
                });
            }
        }
        for (side, links) in [("consumes", &self.consumes), ("provides", &self.provides)] {
            let mut seen = HashSet::new();
            for link in links {
                let wrong = |how| InvalidJob::Link {
                    job: job(),
                    side,
                    link: link.name.chars().take(100).collect(),
                    how,
                };
                if !seen.insert(&link.name) {
                    return Err(wrong("twice"));
                }
                if side == "provides" && link.optional {
                    return Err(wrong(
                        "as an optional one, which only consumed links can be",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a path stays below where it starts.
pub(crate) fn is_inside(path: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= 1024 && !path.contains('\0') && path.split('/').all(is_part)
}

/// A map in its own order; a key twice is an error.
fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of templates to their destinations")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
            inner.deserialize_map(Pairs)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all: Vec<(String, String)> = Vec::new();
            let mut seen = HashSet::new();
            while let Some((key, value)) = map.next_entry::<String, String>()? {
                if !seen.insert(key.clone()) {
                    let message = format!("the template {key:?} is there twice");
                    return Err(serde::de::Error::custom(message));
                }
                all.push((key, value));
            }
            Ok(all)
        }
    }
    deserializer.deserialize_option(Pairs)
}

/// Properties without anything said of them are null.
fn properties<'de, D>(deserializer: D) -> Result<BTreeMap<String, Property>, D::Error>
where
    D: Deserializer<'de>,
{
    let all = Option::<BTreeMap<String, Option<Property>>>::deserialize(deserializer)?;
    let all = all.unwrap_or_default().into_iter();
    Ok(all
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect())
}
