//! Runtime configs: releases, addons, tags and variables for all deployments.

use crate::addon::{self, Addon, Level};
use crate::check::{Fields, Invalid, refuse};
use crate::deployment::{Release, Variable, variables};
use crate::yaml::{Mapping, Value};

/// One runtime config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// Releases that its addons come from.
    pub releases: Vec<Release>,
    /// Its addons.
    pub addons: Vec<Addon>,
    /// Tags for all VMs.
    pub tags: Mapping,
    /// Variables that it defines.
    pub variables: Vec<Variable>,
}

/// Several runtime configs as one, for diffs: lists one behind the other, `tags` at most once. No config
/// gives an empty mapping.
pub fn merged<'a>(configs: impl IntoIterator<Item = &'a Value>) -> Result<Mapping, Invalid> {
    const LISTS: [&str; 3] = ["releases", "addons", "variables"];
    let mut merged = Mapping::new();
    for config in configs {
        if merged.is_empty() {
            for key in LISTS {
                merged.insert(key, Vec::new());
            }
        }
        let fields = Fields::of(config)?;
        for key in LISTS {
            let items = fields.list(key)?;
            if let Some(list) = merged.get_mut(key).and_then(Value::as_seq_mut) {
                list.extend(items.iter().cloned());
            }
        }
        if let Some(tags) = fields.optional::<&Mapping>("tags")? {
            if merged.contains_key("tags") {
                refuse!(
                    RuntimeConfigParseError,
                    "Runtime config 'tags' key cannot be defined in multiple runtime configs."
                );
            }
            merged.insert("tags", tags.clone());
        }
    }
    for key in ["addons", "variables"] {
        if merged
            .get(key)
            .and_then(Value::as_seq)
            .is_some_and(<[Value]>::is_empty)
        {
            merged.remove(key);
        }
    }
    Ok(merged)
}

impl RuntimeConfig {
    /// Checks one runtime config.
    pub fn parse(config: &Mapping) -> Result<RuntimeConfig, Invalid> {
        let fields = Fields::of_map(config);
        let mut releases = Vec::new();
        for value in fields.list("releases")? {
            let release = Release::parse(Fields::of(value)?)?;
            let version = &release.version;
            if version == "latest" || version.ends_with(".latest") || version.ends_with("_latest") {
                refuse!(
                    RuntimeInvalidReleaseVersion,
                    "Runtime manifest contains the release '{}' with version as '{version}'. Please specify the actual version string.",
                    release.name
                );
            }
            releases.push(release);
        }
        let names: Vec<&str> = releases
            .iter()
            .map(|release| release.name.as_str())
            .collect();
        let addons = addon::parse_all(fields, &names, Level::Runtime)?;
        Ok(RuntimeConfig {
            addons,
            tags: fields.map("tags")?,
            variables: variables(fields.value("variables"))?,
            releases,
        })
    }
}
