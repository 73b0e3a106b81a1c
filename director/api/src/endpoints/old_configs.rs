//! `/cloud_configs`, `/runtime_configs` and `/cpi_configs`, as the dedicated commands still use them.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use warren_director_store::configs::{self, Filter};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::yaml::Mapping;

use super::config_content::read;
use super::config_diffs::lines;
use super::configs::record;
use super::deployment_diff::on_the_wire;
use crate::answer::{empty, json};
use crate::call::Call;
use crate::clock;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/cloud_configs", Need::Read, |call| list(call, "cloud")),
        get("/runtime_configs", Need::Read, |call| list(call, "runtime")),
        get("/cpi_configs", Need::Admin, |call| list(call, "cpi")),
        post("/cloud_configs", Need::Admin, |call| create(call, "cloud")).takes(Takes::Yaml),
        post("/runtime_configs", Need::Admin, |call| {
            create(call, "runtime")
        })
        .takes(Takes::Yaml),
        post("/cpi_configs", Need::Admin, |call| create(call, "cpi")).takes(Takes::Yaml),
        post("/cloud_configs/diff", Need::Admin, |call| {
            diff(call, "cloud")
        })
        .takes(Takes::Yaml),
        post("/runtime_configs/diff", Need::Admin, |call| {
            diff(call, "runtime")
        })
        .takes(Takes::Yaml),
        post("/cpi_configs/diff", Need::Admin, |call| diff(call, "cpi")).takes(Takes::Yaml),
    ]
}

fn name(call: &Call) -> &str {
    call.query.some("name").unwrap_or("default")
}

#[derive(Serialize)]
struct Shown<'a> {
    properties: &'a str,
    created_at: String,
}

async fn list(call: Call, kind: &'static str) -> Result<Response, Failure> {
    let limit = call
        .query
        .some("limit")
        .and_then(|limit| limit.parse::<i64>().ok());
    let Some(limit) = limit.filter(|limit| *limit >= 1) else {
        return Err(Failure::Text(
            StatusCode::BAD_REQUEST,
            "limit is required".to_owned(),
        ));
    };
    let filter = Filter {
        kind: Some(kind),
        name: Some(name(&call)),
        limit: Some(limit),
    };
    let all = configs::list(call.api.store.pool(), &filter).await?;
    let shown: Vec<Shown<'_>> = all
        .iter()
        .map(|config| Shown {
            properties: &config.content,
            created_at: clock::text(config.created_at),
        })
        .collect();
    json(&shown)
}

/// Of these endpoints bad YAML is a bad manifest (code 440001).
fn check(text: &str) -> Result<Mapping, Failure> {
    Ok(read_manifest(text, "manifest")?)
}

async fn create(mut call: Call, kind: &'static str) -> Result<Response, Failure> {
    let text = call.text().await?;
    let added = match check(&text) {
        Ok(_) => super::configs::add(&call, kind, name(&call), &text, None).await,
        Err(refused) => Err(refused),
    };
    let event = match &added {
        Ok(added) if !added.is_new => return Ok(empty(StatusCode::CREATED)),
        Ok(_) => None,
        Err(failure) => Some(failure.text()),
    };
    let object = format!("{kind}-config");
    record(&call, "update", &object, Some(name(&call)), event).await?;
    added.map(|_| empty(StatusCode::CREATED))
}

#[derive(Serialize)]
struct Diff {
    diff: Vec<(String, Option<&'static str>)>,
}

async fn diff(mut call: Call, kind: &'static str) -> Result<Response, Failure> {
    let after = check(&call.text().await?)?;
    let latest = configs::latest(call.api.store.pool(), kind, name(&call)).await?;
    let before = match latest {
        Some(latest) => read(&latest.content)?,
        None => Mapping::new(),
    };
    let redact = call.query.get("redact") != Some("false");
    json(&Diff {
        diff: on_the_wire(&lines(kind, &before, &after, redact)),
    })
}
