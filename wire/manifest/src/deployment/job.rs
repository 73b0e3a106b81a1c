//! Jobs of an instance group and the links that they ask for and offer.

use crate::check::{Fields, Invalid, refuse};
use crate::yaml::{Mapping, Value};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Its release.
    pub release: String,
    /// Its properties: its own or else those of group and deployment. Placeholders are in them.
    pub properties: Mapping,
    /// What the manifest says about links it provides, by their name in the job.
    pub provides: Vec<(String, Provide)>,
    /// What the manifest says about links it consumes, by their name in the job.
    pub consumes: Vec<(String, Consume)>,
    /// Links that the manifest adds to what the job provides, as written.
    pub custom_provider_definitions: Vec<Value>,
}

/// What is said about a provided link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provide {
    /// The text `nil`: nobody may consume it.
    Blocked,
    /// How it is offered.
    Offered {
        /// Its name for consumers.
        as_name: Option<String>,
        /// Whether other deployments may consume it.
        shared: bool,
        /// DNS aliases, as written.
        aliases: Vec<Value>,
    },
}

/// What is said about a consumed link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consume {
    /// The text `nil`: an optional link that is not wanted.
    Blocked,
    /// Which provider is meant.
    From {
        /// Its name; the link's own if missing.
        from: Option<String>,
        /// The deployment it is in, if another.
        deployment: Option<String>,
        /// The network whose addresses are wanted.
        network: Option<String>,
        /// Whether addresses are wanted as numbers.
        ip_addresses: Option<bool>,
    },
    /// What a provider would say, said in the manifest.
    Manual(Mapping),
}

impl Job {
    pub(super) fn parse(fields: Fields<'_>, inherited: &Mapping) -> Result<Job, Invalid> {
        let name: String = fields.required("name")?;
        let release = fields.required("release")?;
        let properties = fields
            .optional::<&Mapping>("properties")?
            .unwrap_or(inherited)
            .clone();
        Ok(Job {
            provides: links(&name, fields.map("provides")?, provide)?,
            consumes: links(&name, fields.map("consumes")?, consume)?,
            custom_provider_definitions: fields.list("custom_provider_definitions")?.to_vec(),
            name,
            release,
            properties,
        })
    }
}

/// Reads one of the two blocks.
pub(crate) fn links<T>(
    job: &str,
    block: Mapping,
    parse: impl Fn(&str, &str, &Value) -> Result<T, Invalid>,
) -> Result<Vec<(String, T)>, Invalid> {
    let mut links = Vec::with_capacity(block.len());
    for (key, value) in block {
        let name = crate::check::to_s(&key);
        let link = parse(job, &name, &value)?;
        links.push((name, link));
    }
    Ok(links)
}

pub(crate) fn provide(job: &str, name: &str, value: &Value) -> Result<Provide, Invalid> {
    match value {
        Value::String(text) if text == "nil" => Ok(Provide::Blocked),
        Value::Map(map) => {
            let fields = Fields::of_map(map);
            Ok(Provide::Offered {
                as_name: fields.optional("as")?,
                shared: fields.optional("shared")?.unwrap_or(false),
                aliases: fields.list("aliases")?.to_vec(),
            })
        }
        _ => refuse!(
            DirectorError,
            "Provider '{name}' in job '{job}' should only be a hash or string 'nil'"
        ),
    }
}

pub(crate) fn consume(job: &str, name: &str, value: &Value) -> Result<Consume, Invalid> {
    let map = match value {
        Value::String(text) if text == "nil" => return Ok(Consume::Blocked),
        Value::Map(map) => map,
        _ => refuse!(
            DirectorError,
            "Consumer '{name}' in job '{job}' should only be a hash or string 'nil'"
        ),
    };
    let fields = Fields::of_map(map);
    let manual: Vec<&str> = ["instances", "properties", "address"]
        .into_iter()
        .filter(|key| fields.has(key))
        .collect();
    if !manual.is_empty() {
        if fields.has("from") {
            let keys = manual.join("', '");
            refuse!(
                DirectorError,
                "Cannot specify both '{keys}' and 'from' keys for link '{name}' in job '{job}'."
            );
        }
        if fields.has("properties") && !fields.has("instances") {
            refuse!(
                DirectorError,
                "Cannot specify 'properties' without 'instances' for link '{name}' in job '{job}'."
            );
        }
        return Ok(Consume::Manual(map.clone()));
    }
    Ok(Consume::From {
        from: fields.optional("from")?,
        deployment: fields.optional("deployment")?,
        network: fields.optional("network")?,
        ip_addresses: fields.optional("ip_addresses")?,
    })
}
