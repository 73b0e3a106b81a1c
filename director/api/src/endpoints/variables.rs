//! `GET /deployments/:deployment/variables`: names and ids, never values.

use axum::response::Response;
use serde::Serialize;
use warren_director_store::variables;

use crate::answer::json;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![get(
        "/deployments/:deployment/variables",
        Need::DeploymentAdmin,
        list,
    )]
}

#[derive(Serialize, PartialEq)]
struct Shown {
    id: String,
    name: String,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let mut shown = Vec::new();
    if let Some(set) = variables::latest_set(pool, call.deployment()?.id, true).await? {
        for variable in variables::of_set(pool, set.id).await? {
            let one = Shown {
                id: variable.variable_id,
                name: variable.variable_name,
            };
            if !shown.contains(&one) {
                shown.push(one);
            }
        }
    }
    json(&shown)
}
