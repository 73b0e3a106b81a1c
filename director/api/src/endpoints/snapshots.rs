//! Snapshots, which are not made here: lists are empty, and tasks end at once with nothing done, as
//! those of a stock director with snapshots switched off.

use axum::response::Response;
use warren_director_store::tasks;

use crate::answer::{self, json};
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, delete, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    let admin = Need::DeploymentAdmin;
    vec![
        get("/deployments/:deployment/snapshots", admin, |_| async {
            json(&[(); 0])
        }),
        post(
            "/deployments/:deployment/snapshots",
            admin,
            |call: Call| async move {
                let result = format!(
                    "snapshots of deployment '{}' created",
                    call.deployment()?.name
                );
                nothing(&call, "snapshot_deployment", "snapshot deployment", &result).await
            },
        ),
        delete(
            "/deployments/:deployment/snapshots",
            admin,
            |call: Call| async move {
                let result = format!(
                    "snapshots of deployment '{}' deleted",
                    call.deployment()?.name
                );
                let kind = "delete_deployment_snapshots";
                nothing(&call, kind, "delete deployment snapshots", &result).await
            },
        ),
        post(
            "/deployments/:deployment/jobs/:job/:id/snapshots",
            admin,
            |call: Call| async move {
                call.instance().await?;
                nothing(
                    &call,
                    "create_snapshot",
                    "create snapshot",
                    "snapshot(s)  created",
                )
                .await
            },
        ),
        delete(
            "/deployments/:deployment/snapshots/:cid",
            admin,
            |call: Call| async move {
                let text = format!("Snapshot '{}' not found", call.param("cid"));
                Err(Failure::bad(70_008, text))
            },
        ),
    ]
}

async fn nothing(call: &Call, kind: &str, what: &str, result: &str) -> Result<Response, Failure> {
    let deployment = call.deployment()?;
    let id = tasks::create_done(
        call.api.store.pool(),
        kind,
        what,
        &call.user,
        Some(&deployment.name),
        &deployment.teams,
        result,
    )
    .await?;
    Ok(answer::task(id))
}
