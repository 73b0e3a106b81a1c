//! `POST /deployments`: a manifest becomes a task.
//!
//! The row of the deployment is made here, so that a first deploy that fails is listed as well.

use axum::response::Response;
use serde::Deserialize;
use warren_director_store::configs::{self, Config, Filter};
use warren_director_store::deployments;
use warren_director_store::work::{Deploy, Work};
use warren_wire_manifest::check::{canonical, read_manifest, to_s};
use warren_wire_manifest::yaml::Value;

use crate::call::Call;
use crate::clock;
use crate::enqueue::{Wanted, enqueue};
use crate::failure::Failure;
use crate::query::Query;
use crate::route::{Route, Takes, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![post("/deployments", Need::AnyTeamAdmin, create).takes(Takes::Yaml)]
}

async fn create(mut call: Call) -> Result<Response, Failure> {
    let text = call.text().await?;
    let manifest = read_manifest(&text, "deployment manifest")?;
    let name = match manifest.get("name") {
        Some(Value::Map(_) | Value::Seq(_)) => {
            return Err(Failure::bad(
                40_000,
                "Property 'name' value did not match the required type 'String'",
            ));
        }
        None | Some(Value::Null) => {
            return Err(Failure::bad(
                40_001,
                "Deployment manifest must have a 'name' key",
            ));
        }
        Some(name) => to_s(name),
    };
    if name.contains('\0') {
        return Err(Failure::nul("manifest, for its name,"));
    }
    let canonical_name = canonical(&name)?;
    let mut work = options(&call.query, true)?;
    if work.recreate_vms_created_before.is_some() && !work.recreate {
        return Err(Failure::bad(
            40_005,
            "'recreate_vms_created_before' needs 'recreate'",
        ));
    }
    let teams = call.rights.admin_of.clone();
    let pool = call.api.store.pool();
    for other in deployments::list(pool).await? {
        if other.name != name && canonical(&other.name).is_ok_and(|other| other == canonical_name) {
            return Err(Failure::bad(
                190_009,
                format!(
                    "Invalid deployment name '{name}', canonical name already taken ('{canonical_name}')"
                ),
            ));
        }
    }
    // Of a deployment that is there its own teams count, and whoever is in none of them may not.
    let found = deployments::find(pool, &name).await?;
    let teams = found.map_or(teams, |found| crate::call::teams(&found.teams));
    if !call.rights.administrates(&teams) {
        return Err(Failure::forbidden(&crate::scopes::wanted(
            Need::DeploymentAdmin,
            &call.api.info.uuid,
            &teams,
        )));
    }
    (work.cloud_configs, work.runtime_configs) = chosen_configs(&call, &teams).await?;
    let column = serde_json::Value::from(teams).to_string();
    let deployment = deployments::find_or_create(pool, &name, &column).await?;
    // Until the first success: a request that comes twice must be the same task both times.
    work.new = deployment.manifest.is_none();
    work.deployment = name;
    work.manifest = Some(text);
    let description = description(&work);
    let wanted = Wanted {
        work: Work::UpdateDeployment(work),
        description,
        deployment: Some((&deployment.name, &deployment.teams)),
    };
    enqueue(&call, wanted).await
}

/// What clients match.
pub(super) fn description(work: &Deploy) -> String {
    let dry = if work.dry_run { " (dry run)" } else { "" };
    format!("create deployment{dry}")
}

/// The options of a deploy, or of a change of state; `whole` if it is not one instance's.
pub(super) fn options(query: &Query, whole: bool) -> Result<Deploy, Failure> {
    let before = match query.some("recreate_vms_created_before").filter(|_| whole) {
        Some(text) => Some(clock::parse(text).ok_or_else(|| {
            Failure::bad(
                40_005,
                format!("'recreate_vms_created_before' is no time of RFC 3339: '{text}'"),
            )
        })?),
        None => None,
    };
    let number = |name: &str| query.some(name).filter(|_| whole).map(str::to_owned);
    Ok(Deploy {
        recreate: query.is_true("recreate"),
        recreate_persistent_disks: query.is_true("recreate_persistent_disks"),
        recreate_vms_created_before: before.map(clock::rfc3339),
        fix: query.is_true("fix"),
        skip_drain: query
            .list("skip_drain")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        canaries: number("canaries"),
        max_in_flight: number("max_in_flight"),
        dry_run: query.is_true("dry_run"),
        force_latest_variables: query.is_true("force_latest_variables"),
        ..Deploy::default()
    })
}

/// What a diff has said it was made with; the client sends it back.
#[derive(Deserialize)]
struct Context {
    #[serde(default)]
    cloud_config_ids: Option<Vec<i64>>,
    #[serde(default)]
    runtime_config_ids: Option<Vec<i64>>,
}

/// Keys of the cloud and runtime configs of a deploy: those of the context, or the latest.
async fn chosen_configs(call: &Call, teams: &[String]) -> Result<(Vec<i64>, Vec<i64>), Failure> {
    let Some(text) = call.query.some("context") else {
        let ids = |all: Vec<Config>| all.into_iter().map(|config| config.id).collect();
        return Ok((
            ids(latest(call, "cloud", teams).await?),
            ids(latest(call, "runtime", teams).await?),
        ));
    };
    let context: Context = serde_json::from_str(text).map_err(|error| {
        Failure::bad(
            710_001,
            format!("Incorrect JSON structure of 'context': {error}"),
        )
    })?;
    let chosen = (
        context.cloud_config_ids.unwrap_or_default(),
        context.runtime_config_ids.unwrap_or_default(),
    );
    for (ids, kind) in [(&chosen.0, "cloud"), (&chosen.1, "runtime")] {
        for id in ids {
            let found = configs::find(call.api.store.pool(), *id).await?;
            let fits = |config: &Config| {
                config.kind == kind && config.team.as_ref().is_none_or(|team| teams.contains(team))
            };
            if !found.is_some_and(|config| fits(&config)) {
                return Err(Failure::bad(
                    190_025,
                    format!("Context includes invalid config ID '{id}' for a {kind} config"),
                ));
            }
        }
    }
    Ok(chosen)
}

/// The newest configs of a type: those of nobody and those of a deployment's teams.
pub(super) async fn latest(
    call: &Call,
    kind: &str,
    teams: &[String],
) -> Result<Vec<Config>, Failure> {
    let filter = Filter {
        kind: Some(kind),
        name: None,
        limit: Some(1),
    };
    let mut all = configs::list(call.api.store.pool(), &filter).await?;
    all.retain(|config| config.team.as_ref().is_none_or(|team| teams.contains(team)));
    Ok(all)
}
