//! `GET /locks`: who changes what just now. Everything in it is a text.

use axum::response::Response;
use serde::Serialize;
use warren_director_store::locks;

use crate::answer::json;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![get("/locks", Need::Read, list)]
}

#[derive(Serialize)]
struct Shown<'a> {
    r#type: &'a str,
    resource: Vec<&'a str>,
    timeout: String,
    task_id: String,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let all = locks::list(call.api.store.pool()).await?;
    let shown: Vec<Shown<'_>> = all
        .iter()
        .filter_map(|lock| {
            let mut parts = lock.name.split(':').skip(1);
            Some(Shown {
                r#type: parts.next()?,
                resource: parts.collect(),
                timeout: format!("{}.000000", lock.expired_at),
                task_id: lock.task_id.map(|id| id.to_string()).unwrap_or_default(),
            })
        })
        .collect();
    json(&shown)
}
