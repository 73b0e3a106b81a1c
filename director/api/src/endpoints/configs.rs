//! Configs of any type: lists, single ones, making and deleting them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use warren_director_store::configs::{self, Config, Filter};
use warren_director_store::events;

use super::config_content;
use crate::answer::{empty, json, json_with};
use crate::call::Call;
use crate::clock;
use crate::failure::Failure;
use crate::route::{Route, Takes, delete, get, post};
use crate::scopes::{Need, wanted};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/configs", Need::AnyTeam, list),
        get("/configs/:id", Need::Read, show),
        post("/configs", Need::AnyTeamAdmin, create).takes(Takes::Json),
        delete("/configs", Need::AnyTeamAdmin, delete_all),
        delete("/configs/:id", Need::AnyTeamAdmin, delete_one),
    ]
}

#[derive(Serialize)]
struct Shown<'a> {
    content: &'a str,
    id: String,
    r#type: &'a str,
    name: &'a str,
    team: Option<&'a str>,
    created_at: String,
    current: bool,
}

fn shown(config: &Config, current: bool) -> Shown<'_> {
    Shown {
        content: &config.content,
        id: config.id.to_string(),
        r#type: &config.kind,
        name: &config.name,
        team: config.team.as_deref(),
        created_at: clock::text(config.created_at),
        current,
    }
}

/// Whether the user may look at a config.
fn sees(call: &Call, config: &Config) -> bool {
    let team: Vec<String> = config.team.iter().cloned().collect();
    config.team.is_none() || call.rights.sees(&team)
}

/// Whether the user may change configs of a team, or of nobody.
fn check_team(call: &Call, team: Option<&String>) -> Result<(), Failure> {
    let teams: Vec<String> = team.into_iter().cloned().collect();
    match call.rights.administrates(&teams) {
        true => Ok(()),
        false => {
            let uuid = &call.api.info.uuid;
            Err(Failure::forbidden(&wanted(
                Need::DeploymentAdmin,
                uuid,
                &teams,
            )))
        }
    }
}

/// A refusal for code 440010.
fn invalid(text: impl Into<String>) -> Failure {
    Failure::bad(440_010, text)
}

/// A config that is not there.
pub(super) fn missing(id: &str) -> Failure {
    Failure::missing(440_012, format!("Config {id} not found"))
}

async fn list(call: Call) -> Result<Response, Failure> {
    let query = &call.query;
    let limit = match query.get("limit").map(str::parse::<i64>) {
        Some(Ok(limit)) if limit >= 1 => Some(limit),
        Some(Ok(_)) => return Err(invalid("'limit' must be larger than zero")),
        Some(Err(_)) => return Err(invalid("'limit' must be a number")),
        None => None,
    };
    // The newest of each, unless all are asked for; a limit says more.
    let limit = match query.get("latest") {
        Some("false") => limit,
        None | Some("true") => limit.or(Some(1)),
        Some(_) => return Err(invalid("'latest' must be 'true' or 'false'")),
    };
    let filter = Filter {
        kind: query.some("type"),
        name: query.some("name"),
        limit,
    };
    let all = configs::list(call.api.store.pool(), &filter).await?;
    // They come newest first, so the first of a type and name is the current one.
    let mut seen = BTreeSet::new();
    let mut answer = Vec::new();
    for config in &all {
        let current = seen.insert((&config.kind, &config.name));
        if sees(&call, config) {
            answer.push(shown(config, current));
        }
    }
    json(&answer)
}

async fn show(call: Call) -> Result<Response, Failure> {
    let config = find(&call).await?;
    let current = is_current(&call, &config).await?;
    json(&shown(&config, current))
}

async fn find(call: &Call) -> Result<Config, Failure> {
    let text = call.param("id");
    let id = text.parse::<i64>().map_err(|_| missing(text))?;
    let found = configs::find(call.api.store.pool(), id).await?;
    found.ok_or_else(|| missing(text))
}

async fn is_current(call: &Call, config: &Config) -> Result<bool, Failure> {
    let latest = configs::latest(call.api.store.pool(), &config.kind, &config.name).await?;
    Ok(latest.is_some_and(|latest| latest.id == config.id))
}

#[derive(Deserialize)]
struct New {
    r#type: Option<String>,
    name: Option<String>,
    content: Option<String>,
    #[serde(default)]
    expected_latest_id: Option<serde_json::Value>,
}

async fn create(mut call: Call) -> Result<Response, Failure> {
    let new: New = call.object().await?;
    let (kind, name) = (new.r#type.clone(), new.name.clone());
    let made = make(&call, new).await;
    let error = match &made {
        // Somebody else was faster, or nothing has changed: nothing has happened.
        Err(Failure::Stale { .. }) | Ok(Added { is_new: false, .. }) => return answer(made),
        Ok(_) => None,
        Err(failure) => Some(failure.text()),
    };
    let object = format!("config/{}", kind.unwrap_or_default());
    record(&call, "create", &object, name.as_deref(), error).await?;
    answer(made)
}

fn answer(made: Result<Added, Failure>) -> Result<Response, Failure> {
    json_with(StatusCode::CREATED, &shown(&made?.config, true))
}

async fn make(call: &Call, new: New) -> Result<Added, Failure> {
    let required = |what: &str, value: &Option<String>| {
        let value = value.clone().filter(|value| !value.is_empty());
        value.ok_or_else(|| invalid(format!("'{what}' is required")))
    };
    let kind = required("type", &new.r#type)?;
    let name = required("name", &new.name)?;
    let content = required("content", &new.content)?;
    if kind.len() > 255 || name.len() > 255 {
        return Err(invalid("'type' and 'name' have at most 255 bytes"));
    }
    let expected = match new.expected_latest_id {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
    };
    add(call, &kind, &name, &content, expected.as_deref()).await
}

/// Records for `bosh events` that a config was made, or could not be.
pub(super) async fn record(
    call: &Call,
    action: &str,
    object_type: &str,
    name: Option<&str>,
    error: Option<String>,
) -> Result<(), Failure> {
    let new = events::New {
        username: &call.user,
        action,
        object_type,
        object_name: name,
        error: error.as_deref(),
        ..events::New::default()
    };
    events::create(call.api.store.pool(), &new).await?;
    Ok(())
}

/// What became of a config that was to be added.
pub(super) struct Added {
    pub config: Config,
    /// Whether it was not there yet.
    pub is_new: bool,
}

/// Adds a config unless the newest says the same.
pub(super) async fn add(
    call: &Call,
    kind: &str,
    name: &str,
    content: &str,
    expected: Option<&str>,
) -> Result<Added, Failure> {
    config_content::check(call, kind, name, content).await?;
    // Of several that come at once each sees what the one before it has made.
    let mut tx = configs::begin(&call.api.store).await?;
    let latest = configs::latest(&mut *tx, kind, name).await?;
    if let Some(latest) = &latest {
        check_team(call, latest.team.as_ref())?;
    }
    let id = latest
        .as_ref()
        .map_or_else(|| "0".to_owned(), |latest| latest.id.to_string());
    if let Some(expected) = expected
        && expected != id
    {
        return Err(Failure::Stale {
            latest: id,
            expected: expected.to_owned(),
        });
    }
    if let Some(latest) = latest.as_ref().filter(|latest| latest.content == content) {
        return Ok(Added {
            config: latest.clone(),
            is_new: false,
        });
    }
    // Whoever may do anything makes configs of nobody; others make their first team's.
    let team = match call.rights.admin {
        true => None,
        false => call.rights.admin_of.first().map(String::as_str),
    };
    let team = latest
        .as_ref()
        .map_or(team, |latest| latest.team.as_deref());
    let config = configs::create(&mut *tx, kind, name, content, team).await?;
    tx.commit().await.map_err(|error| Failure::fault(&error))?;
    Ok(Added {
        config,
        is_new: true,
    })
}

async fn delete_all(call: Call) -> Result<Response, Failure> {
    let required = |what: &str| {
        let value = call.query.some(what);
        value.ok_or_else(|| Failure::bad(440_010, format!("'{what}' is required")))
    };
    let (kind, name) = (required("type")?, required("name")?);
    let pool = call.api.store.pool();
    if let Some(latest) = configs::latest(pool, kind, name).await? {
        check_team(&call, latest.team.as_ref())?;
    }
    match configs::delete(pool, kind, name).await? {
        0 => Err(missing(&format!("'{kind}/{name}'"))),
        _ => Ok(empty(StatusCode::NO_CONTENT)),
    }
}

async fn delete_one(call: Call) -> Result<Response, Failure> {
    let config = find(&call).await?;
    check_team(&call, config.team.as_ref())?;
    match configs::delete_version(call.api.store.pool(), config.id).await? {
        true => Ok(empty(StatusCode::NO_CONTENT)),
        false => Err(missing(call.param("id"))),
    }
}
