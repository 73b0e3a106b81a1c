//! Variables that a deploy makes: which, and which of them keep the values that they had.
//!
//! They are made before anything else is read, for all the rest may use them. One whose strategy is
//! `on-stemcell-change` keeps the value of the last deploy that came to its end as long as one of the
//! stemcells of that deploy is still used. Source: reference of the deploy engine, section 6.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use warren_director_plan::json::from_manifest;
use warren_director_store::{deployments, stemcells};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::deployment::{Variable, variables as parse};
use warren_wire_manifest::{merge, yaml};

use super::versions::{choose_versions, keep_versions, text};
use super::{Asked, config};
use crate::variables::Variables;
use crate::{Engine, Error};

/// Variables that a deploy makes, and what that goes by.
pub struct Definitions {
    /// Those of the manifest, then those of each runtime config.
    pub all: Vec<Variable>,
    /// Whether a definition that has changed makes a value anew.
    pub converge: bool,
}

/// Reads the definitions of all variables.
///
/// # Errors
/// Definitions that are none (560001), a name that is defined twice (190022).
pub async fn definitions(engine: &Engine, asked: &Asked<'_>) -> Result<Definitions, Error> {
    let manifest = read_manifest(asked.text, "manifest")?;
    let own = parse(manifest.get("variables"))?;
    let mut of_runtime = Vec::new();
    for id in asked.runtime_configs {
        let config = config(engine, *id).await?;
        let value = read_manifest(&config.content, "runtime config")?;
        of_runtime.push(parse(value.get("variables"))?);
    }
    let converge = manifest
        .get("features")
        .and_then(|features| features.get("converge_variables"));
    Ok(Definitions {
        all: merge::variables(own, of_runtime.iter().map(Vec::as_slice))?,
        converge: matches!(converge, Some(yaml::Value::Bool(true))),
    })
}

/// Whether none of the stemcells is used any more that the deployment was last deployed with.
///
/// # Errors
/// A stemcell that there is not (50003), placeholders without value.
pub async fn changes_stemcell(
    engine: &Engine,
    deployment: &deployments::Deployment,
    asked: &Asked<'_>,
    variables: &Variables,
) -> Result<bool, Error> {
    let Some(deployed) = &deployment.manifest else {
        return Ok(true);
    };
    let manifest = read_manifest(asked.text, "manifest")?;
    let Some(wanted) = manifest.get("stemcells") else {
        return Ok(true);
    };
    let wanted = variables.resolve_one(&from_manifest(wanted)).await?;
    let mut now = Map::new();
    now.insert("stemcells".to_owned(), wanted);
    if asked.again {
        keep_versions(&mut now, deployed);
    }
    choose_versions(engine, &mut now).await?;
    let all = stemcells::list(engine.store.pool()).await?;
    let then: Value = serde_json::from_str(deployed).unwrap_or_default();
    let then = used(&all, then.get("stemcells"));
    Ok(then.is_disjoint(&used(&all, now.get("stemcells"))))
}

/// Names and versions of the stemcells that a list of a manifest means.
fn used<'s>(all: &'s [stemcells::Stemcell], list: Option<&Value>) -> BTreeSet<(&'s str, &'s str)> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let meant = list.flat_map(|one| {
        let (name, os, version) = (text(one, "name"), text(one, "os"), text(one, "version"));
        all.iter().filter(move |row| {
            version.as_ref() == Some(&row.version)
                && name.as_ref().is_none_or(|name| *name == row.name)
                && os.as_ref().is_none_or(|os| *os == row.operating_system)
        })
    });
    meant
        .map(|row| (row.name.as_str(), row.version.as_str()))
        .collect()
}
