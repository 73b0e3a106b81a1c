//! `PUT /deployments/:deployment/jobs/...?state=`: a change of state by way of a deploy.
//!
//! An empty body means the manifest and the configs of the last deploy.

use std::collections::BTreeSet;

use axum::response::Response;
use warren_director_store::deployments;
use warren_director_store::work::{StateChange, Work};
use warren_wire_manifest::check::read_manifest;

use super::errands::{maps, word};
use crate::call::{self, Call, is_called, is_index, no_instance};
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, Takes, put};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        put(
            "/deployments/:deployment/jobs/:job",
            Need::DeploymentAdmin,
            change,
        )
        .takes(Takes::Yaml),
        put(
            "/deployments/:deployment/jobs/:job/:id",
            Need::DeploymentAdmin,
            change,
        )
        .takes(Takes::Yaml),
    ]
}

const STATES: [&str; 5] = ["started", "stopped", "detached", "restart", "recreate"];

async fn change(mut call: Call) -> Result<Response, Failure> {
    let state = call.query.get("state").unwrap_or_default().to_owned();
    if !STATES.contains(&state.as_str()) {
        return Err(Failure::bad(
            140_007,
            format!(
                "'state' must be one of {}, not '{state}'",
                STATES.join(", ")
            ),
        ));
    }
    let text = call.text().await?;
    let deployment = call.deployment()?;
    let job = Some(call.param("job")).filter(|job| *job != "*");
    let id = Some(call.param("id")).filter(|id| !id.is_empty());
    let all = call.instances().await?;
    if let Some(id) = id {
        if !is_index(id) && !is_uuid(id) {
            return Err(Failure::bad(
                70_002,
                format!("Invalid instance index or id '{id}'"),
            ));
        }
        let named = |job: &str| all.iter().any(|one| one.job == job && is_called(one, id));
        if !job.is_some_and(named) {
            return Err(no_instance(&deployment.name, job.unwrap_or("*"), id));
        }
    }
    let manifest = match text.trim().is_empty() {
        true => deployment.manifest.as_deref(),
        false => Some(text.as_str()),
    };
    if let (Some(job), None, Some(manifest)) = (job, id, manifest) {
        let manifest = read_manifest(manifest, "deployment manifest")?;
        let mut groups: BTreeSet<String> = all.iter().map(|one| one.job.clone()).collect();
        groups.extend(maps(&manifest, "instance_groups").map(|group| word(group, "name")));
        if !groups.contains(job) {
            return Err(no_group(&deployment.name, job, &groups));
        }
    }
    let mut work = super::deploy::options(&call.query, id.is_none())?;
    // What is to be done is the state's to say.
    work.recreate = false;
    // Here it is a yes or no, and whom it is about is said by the path.
    work.skip_drain = match call.query.is_true("skip_drain") {
        true => vec![call.param("job").to_owned()],
        false => Vec::new(),
    };
    work.deployment.clone_from(&deployment.name);
    work.change = Some(StateChange {
        state,
        job: job.map(str::to_owned),
        id: id.map(str::to_owned),
    });
    if text.trim().is_empty() {
        if deployment.manifest.is_none() {
            return Err(Failure::bad(
                440_001,
                format!(
                    "Deployment '{}' has no manifest yet: deploy it first",
                    deployment.name
                ),
            ));
        }
        for used in deployments::configs(call.api.store.pool()).await? {
            if used.deployment == deployment.name {
                match used.kind.as_str() {
                    "cloud" => work.cloud_configs.push(used.config_id),
                    "runtime" => work.runtime_configs.push(used.config_id),
                    _ => {}
                }
            }
        }
    } else {
        read_manifest(&text, "deployment manifest")?;
        let teams = call::teams(&deployment.teams);
        let ids = |all: Vec<warren_director_store::configs::Config>| -> Vec<i64> {
            all.into_iter().map(|config| config.id).collect()
        };
        work.cloud_configs = ids(super::deploy::latest(&call, "cloud", &teams).await?);
        work.runtime_configs = ids(super::deploy::latest(&call, "runtime", &teams).await?);
        work.manifest = Some(text);
    }
    let description = super::deploy::description(&work);
    on_deployment(&call, description, Work::UpdateDeployment(work)).await
}

/// A change of a group that is not there would change nothing, and nobody would know.
fn no_group(deployment: &str, job: &str, groups: &BTreeSet<String>) -> Failure {
    let known: Vec<&str> = groups.iter().map(String::as_str).collect();
    Failure::missing(
        70_001,
        format!(
            "Instance group '{job}' in deployment '{deployment}' doesn't exist; it has: {}",
            known.join(", ")
        ),
    )
}

/// Whether a text has the shape of an instance's id.
fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
