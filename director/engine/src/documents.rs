//! From texts to checked documents: variables resolved where they are resolved early, versions chosen,
//! addons merged.
//!
//! What stays as it was written, to be resolved when it is used: properties, the environment of
//! machines, and what CPIs are told. Source: reference of the deploy engine, section 6.

mod definitions;
mod versions;

use std::collections::BTreeMap;

use serde_json::Value;
use warren_director_plan::json::from_manifest;
use warren_director_store::{configs, deployments, stemcells};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::cloud_config::{self, CloudConfig, CloudOptions};
use warren_wire_manifest::deployment::{Deployment, StemcellSource, UpdateOptions};
use warren_wire_manifest::merge;
use warren_wire_manifest::runtime_config::RuntimeConfig;
use warren_wire_manifest::yaml::{self, Mapping};

use crate::variables::{Variables, to_mapping};
use crate::{Engine, Error};

pub use definitions::{changes_stemcell, definitions};
use versions::{choose_versions, keep_versions, remembered};

/// Everything that a deploy was asked for, checked.
pub struct Documents {
    /// What is wanted.
    pub deployment: Deployment,
    /// The manifest with versions chosen, as it is remembered: all placeholders are kept.
    pub manifest: Mapping,
    /// What it is made of.
    pub cloud: CloudConfig,
    /// What goes into every deployment.
    pub runtime: Vec<RuntimeConfig>,
}

/// What a deploy was asked for.
pub struct Asked<'a> {
    /// The manifest.
    pub text: &'a str,
    /// Keys of cloud configs.
    pub cloud_configs: &'a [i64],
    /// Keys of runtime configs.
    pub runtime_configs: &'a [i64],
    /// What the request says besides.
    pub options: &'a UpdateOptions,
    /// Whether it is the manifest that was carried out last: `latest` means what it meant then.
    pub again: bool,
}

/// Reads and checks all documents that a deployment was last deployed with.
pub async fn last(
    engine: &Engine,
    deployment: &deployments::Deployment,
    variables: &Variables,
) -> Result<Documents, Error> {
    let (mut cloud, mut runtime) = (Vec::new(), Vec::new());
    for used in deployments::configs(engine.store.pool()).await? {
        if used.deployment == deployment.name {
            match used.kind.as_str() {
                "cloud" => cloud.push(used.config_id),
                "runtime" => runtime.push(used.config_id),
                _ => {}
            }
        }
    }
    let asked = Asked {
        text: deployment.manifest_text.as_deref().unwrap_or_default(),
        cloud_configs: &cloud,
        runtime_configs: &runtime,
        options: &UpdateOptions::default(),
        again: true,
    };
    read(engine, deployment, &asked, variables).await
}

/// Reads and checks all documents of a deploy.
pub async fn read(
    engine: &Engine,
    deployment: &deployments::Deployment,
    asked: &Asked<'_>,
    variables: &Variables,
) -> Result<Documents, Error> {
    let manifest = read_manifest(asked.text, "manifest")?;
    let written = from_manifest(&yaml::Value::Map(manifest));
    let resolved = resolve_early(&written, variables).await?;
    let mut resolved = match resolved {
        Value::Object(map) => map,
        _ => serde_json::Map::new(),
    };
    if asked.again
        && let Some(deployed) = &deployment.manifest
    {
        keep_versions(&mut resolved, deployed);
    }
    choose_versions(engine, &mut resolved).await?;
    let manifest = to_mapping(&resolved);
    let cloud = cloud(engine, asked.cloud_configs, variables).await?;
    let mut runtime = Vec::new();
    for id in asked.runtime_configs {
        let config = config(engine, *id).await?;
        let value = read_manifest(&config.content, "runtime config")?;
        let resolved = resolve_early(&from_manifest(&yaml::Value::Map(value)), variables).await?;
        if let Value::Object(map) = resolved {
            runtime.push(RuntimeConfig::parse(&to_mapping(&map))?);
        }
    }
    let wanted = Deployment::parse(&manifest, &cloud, asked.options)?;
    let teams: Vec<String> = serde_json::from_str(&deployment.teams).unwrap_or_default();
    let systems = systems(engine, &wanted).await?;
    let os_of = |alias: &str| systems.get(alias).cloned();
    let wanted = merge::addons(wanted, &runtime, &teams, os_of)?;
    Ok(Documents {
        deployment: wanted,
        manifest: to_mapping(&remembered(written, &resolved)),
        cloud,
        runtime,
    })
}

/// Operating systems of the stemcells that a manifest calls by their names, by alias.
async fn systems(
    engine: &Engine,
    deployment: &Deployment,
) -> Result<BTreeMap<String, String>, Error> {
    let mut systems = BTreeMap::new();
    let mut all = None;
    for wanted in &deployment.stemcells {
        let StemcellSource::Name(name) = &wanted.source else {
            continue;
        };
        if all.is_none() {
            all = Some(stemcells::list(engine.store.pool()).await?);
        }
        let mut there = all.iter().flatten();
        if let Some(one) = there.find(|one| one.name == *name && one.version == wanted.version) {
            systems.insert(wanted.alias.clone(), one.operating_system.clone());
        }
    }
    Ok(systems)
}

async fn config(engine: &Engine, id: i64) -> Result<configs::Config, Error> {
    configs::find(engine.store.pool(), id)
        .await?
        .ok_or_else(|| Error::refused(190_025, format!("No config with ID {id}")))
}

/// The merged cloud config.
pub async fn cloud(
    engine: &Engine,
    ids: &[i64],
    variables: &Variables,
) -> Result<CloudConfig, Error> {
    let mut values = Vec::new();
    for id in ids {
        let config = config(engine, *id).await?;
        let value = read_manifest(&config.content, "cloud config")?;
        let value = from_manifest(&yaml::Value::Map(value));
        let resolved = resolve_except(&value, variables, |path| {
            path.last().is_some_and(|key| key == "cloud_properties")
        })
        .await?;
        if let Value::Object(map) = resolved {
            values.push(yaml::Value::Map(to_mapping(&map)));
        }
    }
    let merged = cloud_config::merged(&values)?;
    if merged.is_empty() {
        return Err(Error::refused(
            190_025,
            "Deployments need a cloud config, and there is none: use `update-cloud-config`",
        ));
    }
    let options = CloudOptions {
        ignore_missing_gateway: engine.config.ignore_missing_gateway,
        director_ips: engine.config.own_ips.clone(),
    };
    Ok(CloudConfig::parse(&merged, &options)?)
}

/// Resolves a manifest but for properties and environments.
async fn resolve_early(value: &Value, variables: &Variables) -> Result<Value, Error> {
    resolve_except(value, variables, |path| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["properties"] => true,
            ["instance_groups", _, "properties" | "env"] => true,
            [.., "jobs", _, "properties"] => true,
            [.., "jobs", _, "consumes", _, "properties"] => true,
            ["addons", _, "properties"] => true,
            // What variables are made of is resolved when they are made.
            ["variables"] => true,
            _ => false,
        }
    })
    .await
}

/// Resolves a document but for the parts whose paths are kept.
async fn resolve_except(
    value: &Value,
    variables: &Variables,
    keeps: impl Fn(&[String]) -> bool,
) -> Result<Value, Error> {
    let mut kept = Vec::new();
    let mut path = Vec::new();
    let emptied = take(value, &keeps, &mut path, &mut kept);
    let mut resolved = variables.resolve_one(&emptied).await?;
    for (path, part) in kept {
        put(&mut resolved, &path, part);
    }
    Ok(resolved)
}

fn take(
    value: &Value,
    keeps: &impl Fn(&[String]) -> bool,
    path: &mut Vec<String>,
    kept: &mut Vec<(Vec<String>, Value)>,
) -> Value {
    if keeps(path) {
        kept.push((path.clone(), value.clone()));
        return Value::Null;
    }
    let mut inside = |key: String, value: &Value| {
        path.push(key);
        let taken = take(value, keeps, path, kept);
        path.pop();
        taken
    };
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), inside(key.clone(), value)))
                .collect(),
        ),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(place, value)| inside(place.to_string(), value))
            .collect(),
        other => other.clone(),
    }
}

fn put(into: &mut Value, path: &[String], part: Value) {
    let mut at = into;
    for key in path {
        let next = match at {
            Value::Object(map) => map.get_mut(key),
            Value::Array(items) => key.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
    *at = part;
}

/// The stemcells that a manifest means, one for each alias.
pub async fn stemcells_of(
    engine: &Engine,
    deployment: &Deployment,
) -> Result<Vec<warren_director_plan::Stemcell>, Error> {
    let all = stemcells::list(engine.store.pool()).await?;
    let mut chosen = Vec::new();
    for wanted in &deployment.stemcells {
        let fits = |one: &stemcells::Stemcell| {
            one.version == wanted.version
                && match &wanted.source {
                    StemcellSource::Os(os) => one.operating_system == *os,
                    StemcellSource::Name(name) => one.name == *name,
                }
        };
        chosen.push(stemcell(&all, &wanted.alias, fits).ok_or_else(|| {
            Error::refused(
                50_003,
                format!("Stemcell for alias '{}' does not exist", wanted.alias),
            )
        })?);
    }
    Ok(chosen)
}

/// The first stemcell that fits, on all CPIs that have it.
pub fn stemcell(
    all: &[stemcells::Stemcell],
    alias: &str,
    fits: impl Fn(&stemcells::Stemcell) -> bool,
) -> Option<warren_director_plan::Stemcell> {
    let is_there = |one: &&stemcells::Stemcell| !*one.going && fits(one);
    let rows: Vec<&stemcells::Stemcell> = all.iter().filter(is_there).collect();
    let first = rows.first()?;
    let same = || rows.iter().filter(|one| one.name == first.name);
    Some(warren_director_plan::Stemcell {
        alias: alias.to_owned(),
        name: first.name.clone(),
        os: first.operating_system.clone(),
        version: first.version.clone(),
        api_version: first.api_version,
        cids: same()
            .map(|one| (one.cpi.clone(), one.cid.clone()))
            .collect(),
        ids: same().map(|one| (one.cpi.clone(), one.id)).collect(),
    })
}
