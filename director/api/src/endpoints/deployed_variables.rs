//! Who uses a variable, and which certificates of a deployment end when.

use axum::response::Response;
use serde::Serialize;
use warren_director_store::{deployments, now, variables};
use warren_director_variables::expiry;

use crate::answer::json;
use crate::call::Call;
use crate::clock;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/deployed_variables/:name", Need::Admin, users),
        get(
            "/deployments/:deployment/certificate_expiry",
            Need::DeploymentRead,
            certificates,
        ),
    ]
}

#[derive(Serialize)]
struct Users {
    deployments: Vec<User>,
}

#[derive(Serialize)]
struct User {
    name: String,
    version: String,
}

/// Deployments whose latest success used a variable, each with the version of then.
async fn users(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let name = call.param("name");
    let mut users = Vec::new();
    for deployment in deployments::list(pool).await? {
        let Some(set) = variables::latest_set(pool, deployment.id, true).await? else {
            continue;
        };
        let used = variables::of_set(pool, set.id).await?;
        let used = used.into_iter().filter(|one| one.variable_name == name);
        users.extend(used.map(|one| User {
            name: deployment.name.clone(),
            version: one.variable_id,
        }));
    }
    json(&Users { deployments: users })
}

#[derive(Serialize)]
struct Certificate {
    name: String,
    id: String,
    expiry_date: String,
    days_left: i64,
}

/// Certificates among the variables of a deployment's latest success.
async fn certificates(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let mut shown = Vec::new();
    if let Some(set) = variables::latest_set(pool, call.deployment()?.id, true).await? {
        for used in variables::of_set(pool, set.id).await? {
            let value = variables::value(pool, &used.variable_id).await?;
            let Some(end) = value.as_ref().and_then(end) else {
                continue;
            };
            shown.push(Certificate {
                name: used.variable_name,
                id: used.variable_id,
                expiry_date: clock::rfc3339(end),
                days_left: (end - now()).div_euclid(86_400),
            });
        }
    }
    json(&shown)
}

/// When a variable ends, Unix time, if it is a certificate.
fn end(value: &variables::Value) -> Option<i64> {
    if value.kind != "certificate" {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(&value.value).ok()?;
    let pem = value.get("certificate")?.as_str()?;
    expiry(pem)
}
