//! Whether broken machines are made anew on their own, for the whole director.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use warren_director_store::attributes::{self, RESURRECTION_PAUSED};

use crate::answer::{empty, json};
use crate::body::Body;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, put};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/resurrection", Need::Admin, show),
        put("/resurrection", Need::Admin, set).takes(Takes::Json),
    ]
}

#[derive(Serialize)]
struct Shown {
    resurrection: bool,
}

async fn show(call: Call) -> Result<Response, Failure> {
    let paused = attributes::get(call.api.store.pool(), RESURRECTION_PAUSED).await?;
    json(&Shown {
        resurrection: paused.as_deref() != Some("true"),
    })
}

async fn set(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let value = match body.flag("resurrection_paused")? {
        true => "true",
        false => "false",
    };
    attributes::set(call.api.store.pool(), RESURRECTION_PAUSED, value).await?;
    Ok(empty(StatusCode::OK))
}
