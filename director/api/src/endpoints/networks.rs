//! Networks made by a CPI, of which there are none: lists are empty, and one that is deleted is gone.

use axum::response::Response;
use warren_director_store::tasks;

use crate::answer::{self, json};
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, delete, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/networks", Need::Admin, |_| async { json(&[(); 0]) }),
        delete("/networks/:name", Need::Admin, remove),
    ]
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let result = format!("orphaned network(s) {} deleted", call.param("name"));
    let (kind, what) = ("delete_orphan_networks", "delete orphan networks");
    let pool = call.api.store.pool();
    let id = tasks::create_done(pool, kind, what, &call.user, None, "[]", &result).await?;
    Ok(answer::task(id))
}
