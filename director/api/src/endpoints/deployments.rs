//! Deployments: which there are, their manifests and configs, deleting them.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use serde::Serialize;
use warren_director_store::configs::{self, Filter};
use warren_director_store::deployments::{self, Reference};
use warren_director_store::locks;
use warren_director_store::work::Work;

use crate::answer::json;
use crate::call::{self, Call};
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, delete, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/deployments", Need::List, list),
        get("/deployment_configs", Need::List, used_configs),
        get("/deployments/:deployment", Need::DeploymentRead, show),
        delete("/deployments/:deployment", Need::DeploymentAdmin, remove),
    ]
}

#[derive(Serialize)]
struct Versioned {
    name: String,
    version: String,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    teams: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_config: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stemcells: Option<Vec<Versioned>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    releases: Option<Vec<Versioned>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let wanted = |part: &str| !call.query.is_true(&format!("exclude_{part}"));
    let latest = match wanted("configs") {
        true => Some((clouds_in_use(&call).await?, latest_clouds(&call).await?)),
        false => None,
    };
    let mut stemcells = match wanted("stemcells") {
        true => Some(uses(&call, Reference::Stemcell).await?),
        false => None,
    };
    let mut releases = match wanted("releases") {
        true => Some(uses(&call, Reference::ReleaseVersion).await?),
        false => None,
    };
    let held: Option<BTreeSet<String>> = match wanted("lock") {
        true => Some(
            locks::list(pool)
                .await?
                .into_iter()
                .map(|lock| lock.name)
                .collect(),
        ),
        false => None,
    };
    let mut all = Vec::new();
    for deployment in deployments::list(pool).await? {
        let teams = call::teams(&deployment.teams);
        if !call.rights.sees(&teams) {
            continue;
        }
        all.push(Listed {
            cloud_config: latest.as_ref().map(|(used, latest)| {
                let used = used.get(&deployment.name);
                how_old(used, latest, &teams)
            }),
            stemcells: stemcells
                .as_mut()
                .map(|all| all.remove(&deployment.name).unwrap_or_default()),
            releases: releases
                .as_mut()
                .map(|all| all.remove(&deployment.name).unwrap_or_default()),
            locked: held
                .as_ref()
                .map(|held| held.contains(&format!("lock:deployment:{}", deployment.name))),
            teams,
            name: deployment.name,
        });
    }
    json(&all)
}

async fn clouds_in_use(call: &Call) -> Result<BTreeMap<String, BTreeSet<i64>>, Failure> {
    let mut used: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for one in deployments::configs(call.api.store.pool()).await? {
        if one.kind == "cloud" {
            used.entry(one.deployment)
                .or_default()
                .insert(one.config_id);
        }
    }
    Ok(used)
}

async fn latest_clouds(call: &Call) -> Result<Vec<configs::Config>, Failure> {
    let filter = Filter {
        kind: Some("cloud"),
        name: None,
        limit: Some(1),
    };
    Ok(configs::list(call.api.store.pool(), &filter).await?)
}

fn how_old(
    used: Option<&BTreeSet<i64>>,
    latest: &[configs::Config],
    teams: &[String],
) -> &'static str {
    let Some(used) = used else {
        return "none";
    };
    let of_team =
        |config: &&configs::Config| config.team.as_ref().is_none_or(|team| teams.contains(team));
    let latest: BTreeSet<i64> = latest
        .iter()
        .filter(of_team)
        .map(|config| config.id)
        .collect();
    match *used == latest {
        true => "latest",
        false => "outdated",
    }
}

async fn uses(call: &Call, what: Reference) -> Result<BTreeMap<String, Vec<Versioned>>, Failure> {
    let mut uses: BTreeMap<String, Vec<Versioned>> = BTreeMap::new();
    for one in deployments::uses(call.api.store.pool(), what).await? {
        let known = uses.entry(one.deployment).or_default();
        // A stemcell has a row for each CPI.
        if !known
            .iter()
            .any(|other| other.name == one.name && other.version == one.version)
        {
            known.push(Versioned {
                name: one.name,
                version: one.version,
            });
        }
    }
    Ok(uses)
}

#[derive(Serialize)]
struct Manifest<'a> {
    manifest: Option<&'a str>,
}

async fn show(call: Call) -> Result<Response, Failure> {
    json(&Manifest {
        manifest: call.deployment()?.manifest_text.as_deref(),
    })
}

#[derive(Serialize)]
struct UsedConfig<'a> {
    id: i64,
    deployment: &'a str,
    config: OneConfig<'a>,
}

#[derive(Serialize)]
struct OneConfig<'a> {
    id: i64,
    r#type: &'a str,
    name: &'a str,
}

async fn used_configs(call: Call) -> Result<Response, Failure> {
    let wanted: BTreeSet<&str> = call.query.all("deployment").collect();
    let pool = call.api.store.pool();
    let seen: BTreeSet<String> = deployments::list(pool)
        .await?
        .into_iter()
        .filter(|one| call.rights.sees(&call::teams(&one.teams)))
        .map(|one| one.name)
        .collect();
    let all = deployments::configs(pool).await?;
    let shown: Vec<UsedConfig<'_>> = all
        .iter()
        .filter(|one| wanted.is_empty() || wanted.contains(one.deployment.as_str()))
        .filter(|one| seen.contains(&one.deployment))
        .map(|one| UsedConfig {
            id: one.id,
            deployment: &one.deployment,
            config: OneConfig {
                id: one.config_id,
                r#type: &one.kind,
                name: &one.name,
            },
        })
        .collect();
    json(&shown)
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let name = call.deployment()?.name.clone();
    let description = format!("delete deployment {name}");
    let work = Work::DeleteDeployment {
        deployment: name,
        force: call.query.is_true("force"),
    };
    on_deployment(&call, description, work).await
}
