//! What happened: lists, single events, and events that others report.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warren_director_store::events::{self, Column, Event, Filter, New};

use crate::answer::{empty, json};
use crate::call::Call;
use crate::clock;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/events", Need::AnyTeam, list),
        get("/events/:id", Need::Admin, show),
        post("/events", Need::Admin, report).takes(Takes::Json),
    ]
}

/// An event on the wire; keys without a value are left out.
#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    timestamp: i64,
    user: &'a str,
    action: &'a str,
    object_type: &'a str,
    #[serde(skip_serializing_if = "is_nothing")]
    object_name: Option<&'a str>,
    #[serde(skip_serializing_if = "is_nothing")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "is_nothing")]
    task: Option<&'a str>,
    #[serde(skip_serializing_if = "is_nothing")]
    deployment: Option<&'a str>,
    #[serde(skip_serializing_if = "is_nothing")]
    instance: Option<&'a str>,
    context: Value,
}

fn is_nothing(text: &Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

fn shown(event: &Event) -> Shown<'_> {
    let context = serde_json::from_str(&event.context);
    Shown {
        id: event.id.to_string(),
        parent_id: event.parent_id.map(|id| id.to_string()),
        timestamp: event.timestamp,
        user: &event.username,
        action: &event.action,
        object_type: &event.object_type,
        object_name: event.object_name.as_deref(),
        error: event.error.as_deref(),
        task: event.task.as_deref(),
        deployment: event.deployment.as_deref(),
        instance: event.instance.as_deref(),
        context: context.unwrap_or_else(|_| Value::Object(serde_json::Map::new())),
    }
}

async fn list(call: Call) -> Result<Response, Failure> {
    let query = &call.query;
    let time = |name: &str| -> Result<Option<i64>, Failure> {
        let Some(text) = query.some(name) else {
            return Ok(None);
        };
        let time = clock::parse(text).ok_or_else(|| {
            let text = format!("Invalid parameter: '{name}' is no time: '{text}'");
            Failure::Text(StatusCode::BAD_REQUEST, text)
        })?;
        Ok(Some(time))
    };
    let before_id = match query.some("before_id") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            let text = format!("Invalid parameter: 'before_id' is no number: '{text}'");
            Failure::Text(StatusCode::BAD_REQUEST, text)
        })?),
    };
    let columns = [
        ("task", Column::Task),
        ("deployment", Column::Deployment),
        ("instance", Column::Instance),
        ("user", Column::User),
        ("action", Column::Action),
        ("object_type", Column::ObjectType),
        ("object_name", Column::ObjectName),
    ];
    let filter = Filter {
        before_id,
        before_time: time("before_time")?,
        after_time: time("after_time")?,
        equal: columns
            .into_iter()
            .filter_map(|(name, column)| Some((column, query.some(name)?)))
            .collect(),
    };
    let all = events::list(call.api.store.pool(), &filter).await?;
    json(&all.iter().map(shown).collect::<Vec<_>>())
}

async fn show(call: Call) -> Result<Response, Failure> {
    let event = match call.param("id").parse::<i64>() {
        Ok(id) => events::find(call.api.store.pool(), id).await?,
        Err(_) => None,
    };
    match event {
        Some(event) => json(&shown(&event)),
        None => Err(Failure::Text(
            StatusCode::NOT_FOUND,
            "Event not found".to_owned(),
        )),
    }
}

#[derive(Deserialize)]
struct Reported {
    action: Option<String>,
    object_type: Option<String>,
    object_name: Option<String>,
    error: Option<String>,
    deployment: Option<String>,
    instance: Option<String>,
    timestamp: Option<Value>,
    context: Option<Value>,
}

async fn report(mut call: Call) -> Result<Response, Failure> {
    let event: Reported = call.object().await?;
    let required = |name: &str, value: &Option<String>| -> Result<String, Failure> {
        value
            .clone()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Failure::bad(40_000, format!("Missing event parameter '{name}'")))
    };
    let (action, object_type) = (
        required("action", &event.action)?,
        required("object_type", &event.object_type)?,
    );
    let object_name = required("object_name", &event.object_name)?;
    let timestamp = match &event.timestamp {
        None | Some(Value::Null) => None,
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => clock::parse(text),
        Some(_) => None,
    };
    if event
        .context
        .as_ref()
        .is_some_and(|context| !context.is_object() && !context.is_null())
    {
        return Err(Failure::bad(
            40_000,
            "Invalid event parameter 'context': it must be a hash",
        ));
    }
    let new = New {
        timestamp,
        username: &call.user,
        action: &action,
        object_type: &object_type,
        object_name: Some(&object_name),
        error: event.error.as_deref(),
        deployment: event.deployment.as_deref(),
        instance: event.instance.as_deref(),
        context: event.context.filter(Value::is_object),
        ..New::default()
    };
    events::create(call.api.store.pool(), &new).await?;
    Ok(empty(StatusCode::OK))
}
