//! Tasks: records, lists, cancelling.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use warren_director_store::tasks::{self, Filter, Task};

use crate::answer::{empty, json};
use crate::body::Body;
use crate::call::{self, Call};
use crate::failure::Failure;
use crate::route::{Route, Takes, delete, get, post};
use crate::scopes::{Need, wanted};

/// The types that lists have unless `verbose=2` asks for all.
const IMPORTANT: [&str; 13] = [
    "attach_disk",
    "create_snapshot",
    "delete_deployment",
    "delete_release",
    "delete_snapshot",
    "delete_stemcell",
    "run_errand",
    "snapshot_deployment",
    "update_instance",
    "update_deployment",
    "update_release",
    "update_stemcell",
    "export_release",
];

/// How many rows of tasks are read at once: of those that a team's member may not see none is kept.
const AT_ONCE: i64 = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/tasks", Need::List, list),
        get("/tasks/:id", Need::Anybody, show),
        // Singular, as in stock.
        delete("/task/:id", Need::Admin, cancel),
        post("/tasks/cancel", Need::Admin, cancel_all).takes(Takes::Json),
    ]
}

#[derive(Serialize)]
struct Record<'a> {
    id: i64,
    state: &'a str,
    description: &'a str,
    /// When it ended.
    timestamp: Option<i64>,
    started_at: Option<i64>,
    result: Option<&'a str>,
    user: &'a str,
    deployment: Option<&'a str>,
    context_id: &'a str,
}

fn record(task: &Task) -> Record<'_> {
    Record {
        id: task.id,
        state: &task.state,
        description: &task.description,
        timestamp: task.finished_at,
        started_at: task.started_at,
        result: task.result.as_deref(),
        user: match task.username.as_str() {
            "" => "admin",
            name => name,
        },
        deployment: task.deployment.as_deref(),
        context_id: &task.context_id,
    }
}

/// The task that the path names, if the user may see it: whoever made it may always, so that
/// somebody who may do nothing but upload releases learns what became of them.
pub(super) async fn find(call: &Call) -> Result<Task, Failure> {
    let text = call.param("id");
    let missing = || Failure::missing(10_000, format!("Task {text} not found"));
    let id = text.parse::<i64>().map_err(|_| missing())?;
    let task = tasks::find(call.api.store.pool(), id)
        .await?
        .ok_or_else(missing)?;
    let teams = call::teams(&task.teams);
    match call.rights.sees(&teams) || task.username == call.user {
        true => Ok(task),
        false => Err(Failure::forbidden(&wanted(
            Need::DeploymentRead,
            &call.api.info.uuid,
            &teams,
        ))),
    }
}

async fn show(call: Call) -> Result<Response, Failure> {
    json(&record(&find(&call).await?))
}

async fn list(call: Call) -> Result<Response, Failure> {
    // What is no number is zero in Ruby, and at least one is answered.
    let number = |text: &str| text.parse::<i64>().unwrap_or(0).max(1);
    let limit = call.query.some("limit").map(number);
    let verbose = call.query.some("verbose").unwrap_or("1");
    let mut filter = Filter {
        states: call.query.list("state"),
        kinds: match verbose {
            "1" => IMPORTANT.to_vec(),
            _ => Vec::new(),
        },
        deployment: call.query.some("deployment"),
        context_id: call.query.some("context_id"),
        before: None,
        limit: Some(limit.unwrap_or(AT_ONCE).min(AT_ONCE)),
    };
    let most = limit.and_then(|limit| usize::try_from(limit).ok());
    let most = most.unwrap_or(usize::MAX);
    let mut all: Vec<Task> = Vec::new();
    loop {
        let some = tasks::list(call.api.store.pool(), &filter).await?;
        let Some(last) = some.last().map(|task| task.id) else {
            break;
        };
        // Tasks that are not seen do not count for the limit.
        let seen = |task: &Task| call.rights.sees(&call::teams(&task.teams));
        let open = most - all.len();
        all.extend(some.into_iter().filter(seen).take(open));
        if all.len() >= most {
            break;
        }
        (filter.before, filter.limit) = (Some(last), Some(AT_ONCE));
    }
    json(&all.iter().map(record).collect::<Vec<_>>())
}

async fn cancel(call: Call) -> Result<Response, Failure> {
    let task = find(&call).await?;
    let refused = |state: &str| {
        let text = format!("Cannot cancel task {}: invalid state ({state})", task.id);
        Failure::Text(StatusCode::BAD_REQUEST, text)
    };
    if !matches!(task.state.as_str(), "queued" | "processing" | "cancelling") {
        return Err(refused(&task.state));
    }
    if tasks::cancel(call.api.store.pool(), task.id).await? {
        call.api.store.wake().await;
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    // It has ended meanwhile, one way or another.
    Err(refused(&find(&call).await?.state))
}

async fn cancel_all(mut call: Call) -> Result<Response, Failure> {
    let which = Body::of(&mut call).await?;
    let states = which.texts("states")?;
    let states = states.unwrap_or_else(|| vec!["queued".to_owned()]);
    if let Some(state) = states
        .iter()
        .find(|state| !matches!(state.as_str(), "queued" | "processing"))
    {
        let text = format!("Cannot cancel tasks of state(s): {state}");
        return Err(Failure::Text(StatusCode::BAD_REQUEST, text));
    }
    let types = which.texts("types")?.unwrap_or_default();
    let deployment = which.some_text("deployment")?;
    let filter = Filter {
        states: states.iter().map(String::as_str).collect(),
        kinds: types.iter().map(String::as_str).collect(),
        deployment: deployment.as_deref(),
        ..Filter::default()
    };
    let pool = call.api.store.pool();
    if !states.is_empty() {
        for task in tasks::list(pool, &filter).await? {
            tasks::cancel(pool, task.id).await?;
        }
        call.api.store.wake().await;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
