//! Cloud check: looking for problems, what was found, and what to do about it.

use std::collections::BTreeMap;

use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use warren_director_plan::problems as plan;
use warren_director_store::work::Work;
use warren_director_store::{attributes, problems};

use crate::answer::json;
use crate::body::{Body, texts_of, wrong};
use crate::call::Call;
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, post, put};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    let admin = Need::DeploymentAdmin;
    vec![
        post("/deployments/:deployment/scans", admin, scan),
        get("/deployments/:deployment/problems", admin, list),
        put("/deployments/:deployment/problems", admin, resolve).takes(Takes::Json),
        put("/deployments/:deployment/scan_and_fix", admin, scan_and_fix).takes(Takes::Json),
    ]
}

async fn scan(call: Call) -> Result<Response, Failure> {
    let work = Work::ScanCloud {
        deployment: call.deployment()?.name.clone(),
    };
    on_deployment(&call, "scan cloud", work).await
}

#[derive(Serialize)]
struct Shown<'a> {
    id: i64,
    r#type: &'a str,
    data: Value,
    description: &'a str,
    resolutions: Vec<Resolution>,
    instance_group: &'a str,
}

#[derive(Serialize)]
struct Resolution {
    name: &'static str,
    plan: &'static str,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let all = problems::open(call.api.store.pool(), call.deployment()?.id).await?;
    let shown: Vec<Shown<'_>> = all
        .iter()
        .map(|problem| Shown {
            id: problem.id,
            r#type: &problem.kind,
            data: serde_json::from_str(&problem.data).unwrap_or_default(),
            description: &problem.description,
            resolutions: plan::resolutions(&problem.kind)
                .iter()
                .map(|one| Resolution {
                    name: one.name,
                    plan: one.plan,
                })
                .collect(),
            instance_group: &problem.instance_group,
        })
        .collect();
    json(&shown)
}

async fn resolve(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let mut resolutions = BTreeMap::new();
    let chosen = body.some_object("resolutions")?.map(Body::into_map);
    for (id, name) in chosen.unwrap_or_default() {
        let name = match name {
            Value::Null => None,
            Value::String(name) => Some(name),
            other => return Err(wrong(&id, &other, "String")),
        };
        resolutions.insert(id, name);
    }
    let deployment = call.deployment()?;
    let open = problems::open(call.api.store.pool(), deployment.id).await?;
    for (id, resolution) in &resolutions {
        // What is not open any more is for the task to say.
        let problem = open.iter().find(|problem| problem.id.to_string() == *id);
        if let (Some(problem), Some(name)) = (problem, resolution)
            && plan::find(&problem.kind, name).is_none()
        {
            return Err(Failure::bad(
                410_002,
                format!(
                    "Problem {id} ({}) cannot be resolved by '{name}'",
                    problem.kind
                ),
            ));
        }
    }
    let overrides = body.some_object("max_in_flight_overrides")?;
    let overrides = overrides.map(Body::into_map).unwrap_or_default();
    let work = Work::ApplyResolutions {
        deployment: deployment.name.clone(),
        resolutions,
        max_in_flight: overrides
            .into_iter()
            .map(|(group, value)| match value {
                Value::String(text) => (group, text),
                other => (group, other.to_string()),
            })
            .collect(),
    };
    on_deployment(&call, "apply resolutions", work).await
}

async fn scan_and_fix(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let mut jobs = BTreeMap::new();
    for (group, ids) in body.object("jobs")?.into_map() {
        let ids = texts_of(&group, &ids)?;
        jobs.insert(group, ids);
    }
    let paused = attributes::get(call.api.store.pool(), attributes::RESURRECTION_PAUSED).await?;
    if paused.as_deref() == Some("true") {
        return Err(Failure::bad(
            410_004,
            "Resurrection is paused for this director",
        ));
    }
    let work = Work::ScanAndFix {
        deployment: call.deployment()?.name.clone(),
        jobs,
    };
    on_deployment(&call, "scan and fix", work).await
}
