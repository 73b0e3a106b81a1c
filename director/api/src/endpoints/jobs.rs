//! Jobs of releases by name and fingerprint, and archives of packages: for tools, no client of people's
//! asks for them.

use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use warren_director_store::{releases, templates};

use crate::answer::json;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/jobs", Need::Admin, list),
        get("/packages/blobs/:id", Need::Admin, super::resources::read),
    ]
}

#[derive(Serialize)]
struct Shown {
    name: String,
    fingerprint: String,
    spec: Value,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let wanted = |name: &str| {
        let value = call.query.some(name);
        value.ok_or_else(|| {
            Failure::bad(
                40_001,
                format!("Required property '{name}' was not specified in object"),
            )
        })
    };
    let (name, release) = (wanted("name")?, wanted("release_name")?);
    let fingerprint = wanted("fingerprint")?;
    let pool = call.api.store.pool();
    let Some(release) = releases::find(pool, release).await? else {
        return Err(Failure::missing(
            30_005,
            format!("Release '{release}' doesn't exist"),
        ));
    };
    let found = templates::with_fingerprint(pool, release.id, name, fingerprint).await?;
    let shown = found.into_iter().map(|row| Shown {
        spec: serde_json::from_str(&row.spec).unwrap_or_default(),
        name: row.name,
        fingerprint: row.fingerprint,
    });
    json(&shown.collect::<Vec<_>>())
}
