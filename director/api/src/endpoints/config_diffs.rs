//! `POST /configs/diff`: a config against the newest of its name, or any two against each other.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use warren_director_store::configs;
use warren_wire_manifest::diff::{Line, sections, unordered};
use warren_wire_manifest::yaml::Mapping;

use super::config_content::read;
use super::configs::missing;
use super::deployment_diff::on_the_wire;
use crate::answer::json;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, Takes, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![post("/configs/diff", Need::AnyTeam, diff).takes(Takes::Json)]
}

/// What a request that is none of these is told.
const FORMATS: &str = "The following request formats are allowed:\n\
    1. {\"from\":<config>,\"to\":<config>} \
    where <config> is either {\"id\":\"<id>\"} or {\"content\":\"<content>\"}\n\
    2. {\"type\":\"<type>\",\"name\":\"<name>\",\"content\":\"<content>\"}";

#[derive(Deserialize)]
struct Wanted {
    r#type: Option<String>,
    name: Option<String>,
    content: Option<String>,
    from: Option<Side>,
    to: Option<Side>,
}

#[derive(Deserialize)]
struct Side {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    diff: Vec<(String, Option<&'static str>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<From>,
}

#[derive(Serialize)]
struct From {
    id: String,
}

/// The lines between two configs of a type; those of cloud and runtime configs come in sections.
pub(super) fn lines(kind: &str, before: &Mapping, after: &Mapping, redact: bool) -> Vec<Line> {
    match kind {
        "cloud" => sections(before, after, false),
        "runtime" => sections(before, after, redact),
        _ => unordered(before, after, false),
    }
}

async fn diff(mut call: Call) -> Result<Response, Failure> {
    let wanted: Wanted = call.object().await?;
    if let (Some(from), Some(to)) = (&wanted.from, &wanted.to) {
        let (kind, before) = side(&call, from).await?;
        let (other, after) = side(&call, to).await?;
        let kind = kind.or(other).unwrap_or_default();
        return json(&Answer {
            diff: on_the_wire(&lines(&kind, &before, &after, true)),
            from: None,
        });
    }
    let required = |value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| Failure::bad(440_010, FORMATS))
    };
    let kind = required(wanted.r#type)?;
    let name = required(wanted.name)?;
    let after = read(&required(wanted.content)?)?;
    let latest = configs::latest(call.api.store.pool(), &kind, &name).await?;
    let before = match &latest {
        Some(latest) => read(&latest.content)?,
        None => Mapping::new(),
    };
    json(&Answer {
        diff: on_the_wire(&lines(&kind, &before, &after, true)),
        from: Some(From {
            id: latest.map_or_else(|| "0".to_owned(), |latest| latest.id.to_string()),
        }),
    })
}

/// The type, if it is known, and what is in it. The unused one of both keys is empty.
async fn side(call: &Call, side: &Side) -> Result<(Option<String>, Mapping), Failure> {
    let id = match &side.id {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if !id.is_empty() {
        let number = id.parse::<i64>().map_err(|_| missing(&id))?;
        let found = configs::find(call.api.store.pool(), number).await?;
        let config = found.ok_or_else(|| missing(&id))?;
        return Ok((Some(config.kind), read(&config.content)?));
    }
    match &side.content {
        Some(content) if !content.is_empty() => Ok((None, read(content)?)),
        _ => Err(Failure::bad(440_010, FORMATS)),
    }
}
