//! Errands: which there are, and running one.

use axum::response::Response;
use serde::Serialize;
use warren_director_store::deployments::{self, Reference};
use warren_director_store::work::{Errand, Work};
use warren_director_store::{releases, templates};
use warren_wire_manifest::check::{read_manifest, to_s};
use warren_wire_manifest::yaml::{Mapping, Value};
use warren_wire_release::JobSpec;

use crate::answer::json;
use crate::body::Body;
use crate::call::Call;
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/deployments/:deployment/errands",
            Need::DeploymentRead,
            list,
        ),
        post(
            "/deployments/:deployment/errands/:errand/runs",
            Need::DeploymentAdmin,
            run,
        )
        .takes(Takes::Json),
    ]
}

#[derive(Serialize)]
struct Named {
    name: String,
}

/// Groups that are errands, then jobs with a `bin/run`: those of the manifest, and those that addons
/// have brought to instances.
async fn list(call: Call) -> Result<Response, Failure> {
    let deployment = call.deployment()?;
    let manifest = match &deployment.manifest {
        Some(text) => read_manifest(text, "deployment manifest")?,
        None => Mapping::new(),
    };
    let mut runnable: Vec<(String, String)> = Vec::new();
    for release in maps(&manifest, "releases") {
        let (name, version) = (word(release, "name"), word(release, "version"));
        let pool = call.api.store.pool();
        if let Some(version) = releases::find_version(pool, &name, &version).await? {
            for template in templates::of_version(pool, version.id).await? {
                if JobSpec::parse(template.spec.as_bytes()).is_ok_and(|spec| spec.is_errand()) {
                    runnable.push((name.clone(), template.name));
                }
            }
        }
    }
    let groups = || maps(&manifest, "instance_groups");
    let errand_groups = groups().filter(|group| word(group, "lifecycle") == "errand");
    let mut names: Vec<String> = errand_groups.map(|group| word(group, "name")).collect();
    for group in groups() {
        for job in maps(group, "jobs") {
            let job = (word(job, "release"), word(job, "name"));
            if runnable.contains(&job) && !names.contains(&job.1) {
                names.push(job.1);
            }
        }
    }
    for name in of_instances(&call).await? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    json(
        &names
            .into_iter()
            .map(|name| Named { name })
            .collect::<Vec<_>>(),
    )
}

/// Names of errands that instances have.
async fn of_instances(call: &Call) -> Result<Vec<String>, Failure> {
    let pool = call.api.store.pool();
    let deployment = call.deployment()?;
    let mut errands = Vec::new();
    for used in deployments::uses(pool, Reference::ReleaseVersion).await? {
        if used.deployment != deployment.name {
            continue;
        }
        for template in templates::of_version(pool, used.id).await? {
            if JobSpec::parse(template.spec.as_bytes()).is_ok_and(|spec| spec.is_errand()) {
                errands.push((template.name, template.version));
            }
        }
    }
    let mut names = Vec::new();
    for instance in call.instances().await? {
        let spec: serde_json::Value = instance
            .spec
            .as_deref()
            .and_then(|spec| serde_json::from_str(spec).ok())
            .unwrap_or_default();
        let templates = spec["job"]["templates"].as_array().cloned();
        for template in templates.unwrap_or_default() {
            let text = |key: &str| template[key].as_str().unwrap_or_default().to_owned();
            let job = (text("name"), text("version"));
            if errands.contains(&job) {
                names.push(job.0);
            }
        }
    }
    Ok(names)
}

pub(super) fn maps<'m>(map: &'m Mapping, key: &str) -> impl Iterator<Item = &'m Mapping> {
    let list = map.get(key).and_then(Value::as_seq).unwrap_or_default();
    list.iter().filter_map(Value::as_map)
}

pub(super) fn word(map: &Mapping, key: &str) -> String {
    map.get(key).map(to_s).unwrap_or_default()
}

/// An errand that is not there fails in the task, as in stock.
async fn run(mut call: Call) -> Result<Response, Failure> {
    let run = Body::of(&mut call).await?;
    let deployment = call.deployment()?.name.clone();
    let name = call.param("errand").to_owned();
    let description = format!("run errand {name} from deployment {deployment}");
    let which = |one: Body| Ok((one.text("group")?, one.some_text("id")?));
    let instances = run.objects("instances")?.into_iter().map(which);
    let work = Work::RunErrand(Errand {
        deployment,
        name,
        keep_alive: run.some_flag("keep-alive")?,
        when_changed: run.some_flag("when-changed")?,
        instances: instances.collect::<Result<_, Failure>>()?,
    });
    on_deployment(&call, description, work).await
}
