//! `POST /deployments/:deployment/diff`: what a manifest would change, as lines.
//!
//! The deployment need not exist. What goes wrong is told with status 200 beside an empty diff, since
//! the stock client goes on then.

use axum::response::Response;
use serde::Serialize;
use warren_director_plan::versions;
use warren_director_store::configs::{self, Config};
use warren_director_store::{deployments, releases, stemcells};
use warren_wire_manifest::check::{read_manifest, to_s};
use warren_wire_manifest::diff::{Line, sections, whole};
use warren_wire_manifest::yaml::{Mapping, Value};
use warren_wire_manifest::{cloud_config, runtime_config};

use crate::answer::json;
use crate::call::{self, Call};
use crate::failure::Failure;
use crate::route::{Route, Takes, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![post("/deployments/:name/diff", Need::AnyTeamAdmin, diff).takes(Takes::Yaml)]
}

#[derive(Serialize)]
struct Diff {
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
    diff: Vec<(String, Option<&'static str>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Context {
    cloud_config_ids: Vec<i64>,
    runtime_config_ids: Vec<i64>,
}

/// Lines as the wire has them.
pub(super) fn on_the_wire(lines: &[Line]) -> Vec<(String, Option<&'static str>)> {
    lines
        .iter()
        .map(|line| (line.text(), line.status.word()))
        .collect()
}

async fn diff(mut call: Call) -> Result<Response, Failure> {
    let text = call.text().await?;
    let answer = match compare(&call, &text).await {
        Ok(answer) => answer,
        Err(Failure::Code(status, code, text)) => {
            if status.is_server_error() || code == 600_000 {
                return Err(Failure::Code(status, code, text));
            }
            Diff {
                context: None,
                diff: Vec::new(),
                error: Some(format!("Unable to diff manifest: {text}")),
            }
        }
        Err(other) => return Err(other),
    };
    json(&answer)
}

async fn compare(call: &Call, text: &str) -> Result<Diff, Failure> {
    let pool = call.api.store.pool();
    let name = call.param("name");
    let found = deployments::find(pool, name).await?;
    let teams = match &found {
        Some(found) => call::teams(&found.teams),
        None => call.rights.admin_of.clone(),
    };
    if !call.rights.administrates(&teams) {
        let uuid = &call.api.info.uuid;
        let scopes = crate::scopes::wanted(Need::DeploymentAdmin, uuid, &teams);
        return Err(Failure::forbidden(&scopes));
    }
    let mut manifest = read_manifest(text, "deployment manifest")?;
    resolve_versions(call, &mut manifest).await?;
    let clouds = super::deploy::latest(call, "cloud", &teams).await?;
    let runtimes = super::deploy::latest(call, "runtime", &teams).await?;
    let after = together(&manifest, &clouds, &runtimes)?;
    let before = match found.as_ref().and_then(|found| found.manifest.as_deref()) {
        Some(old) => {
            let (clouds, runtimes) = configs_of(call, name).await?;
            together(
                &read_manifest(old, "deployment manifest")?,
                &clouds,
                &runtimes,
            )?
        }
        None => Mapping::new(),
    };
    let redact = call.query.get("redact") != Some("false");
    Ok(Diff {
        context: Some(Context {
            cloud_config_ids: clouds.iter().map(|config| config.id).collect(),
            runtime_config_ids: runtimes.iter().map(|config| config.id).collect(),
        }),
        diff: on_the_wire(&sections(&before, &after, redact)),
        error: None,
    })
}

fn together(
    manifest: &Mapping,
    clouds: &[Config],
    runtimes: &[Config],
) -> Result<Mapping, Failure> {
    let clouds = parsed(clouds)?;
    let runtimes = parsed(runtimes)?;
    Ok(whole(
        manifest,
        &cloud_config::merged(&clouds)?,
        &runtime_config::merged(&runtimes)?,
    ))
}

/// Configs as values.
pub(super) fn parsed(configs: &[Config]) -> Result<Vec<Value>, Failure> {
    configs
        .iter()
        .map(|config| Ok(Value::Map(read_manifest(&config.content, "config")?)))
        .collect()
}

async fn configs_of(call: &Call, name: &str) -> Result<(Vec<Config>, Vec<Config>), Failure> {
    let pool = call.api.store.pool();
    let (mut clouds, mut runtimes) = (Vec::new(), Vec::new());
    for used in deployments::configs(pool).await? {
        if used.deployment != name {
            continue;
        }
        if let Some(config) = configs::find(pool, used.config_id).await? {
            match config.kind.as_str() {
                "cloud" => clouds.push(config),
                "runtime" => runtimes.push(config),
                _ => {}
            }
        }
    }
    Ok((clouds, runtimes))
}

/// Puts exact versions in the place of `latest`, so that only what really changes is shown.
async fn resolve_versions(call: &Call, manifest: &mut Mapping) -> Result<(), Failure> {
    let pool = call.api.store.pool();
    for release in items(manifest, "releases") {
        let (Some(name), Some(wanted)) = (scalar(release, "name"), scalar(release, "version"))
        else {
            continue;
        };
        let there = releases::versions(pool, &name).await?;
        if let Some(chosen) =
            versions::choose(&wanted, there.iter().map(|one| one.version.as_str()))
        {
            release.insert("version", chosen);
        } else if wanted.ends_with("latest") {
            return Err(match there.is_empty() {
                true => Failure::missing(30_005, format!("Release '{name}' doesn't exist")),
                false => Failure::missing(
                    30_006,
                    format!("Release version '{name}/{wanted}' doesn't exist"),
                ),
            });
        }
    }
    let all = stemcells::list(pool).await?;
    for stemcell in items(manifest, "stemcells") {
        let Some(wanted) = scalar(stemcell, "version") else {
            continue;
        };
        let (name, os) = (scalar(stemcell, "name"), scalar(stemcell, "os"));
        let fits = |one: &&stemcells::Stemcell| {
            name.as_ref().is_none_or(|name| *name == one.name)
                && os.as_ref().is_none_or(|os| *os == one.operating_system)
        };
        let there = all.iter().filter(fits).map(|one| one.version.as_str());
        if let Some(chosen) = versions::choose(&wanted, there) {
            stemcell.insert("version", chosen);
        } else if wanted.ends_with("latest") {
            let what = name.or(os).unwrap_or_default();
            return Err(Failure::missing(
                50_003,
                format!("Stemcell '{what}' version '{wanted}' does not exist"),
            ));
        }
    }
    Ok(())
}

fn items<'m>(manifest: &'m mut Mapping, key: &str) -> impl Iterator<Item = &'m mut Mapping> {
    let list = manifest.get_mut(key).and_then(Value::as_seq_mut);
    list.into_iter().flatten().filter_map(Value::as_map_mut)
}

fn scalar(map: &Mapping, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::Null | Value::Map(_) | Value::Seq(_) => None,
        value => Some(to_s(value)),
    }
}
