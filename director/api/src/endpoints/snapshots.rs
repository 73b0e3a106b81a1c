//! Snapshots of persistent disks: listed, taken, deleted.

use std::collections::BTreeMap;

use axum::response::Response;
use serde::Serialize;
use warren_director_store::instances::Instance;
use warren_director_store::snapshots;
use warren_director_store::work::Work;

use crate::answer::json;
use crate::call::{Call, is_called};
use crate::clock;
use crate::enqueue::{Wanted, enqueue};
use crate::failure::Failure;
use crate::route::{Route, delete, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    let admin = Need::DeploymentAdmin;
    vec![
        get("/deployments/:deployment/snapshots", admin, list),
        get(
            "/deployments/:deployment/jobs/:job/:id/snapshots",
            admin,
            list,
        ),
        post("/deployments/:deployment/snapshots", admin, take_all),
        delete("/deployments/:deployment/snapshots", admin, delete_all),
        post(
            "/deployments/:deployment/jobs/:job/:id/snapshots",
            admin,
            take,
        ),
        delete("/deployments/:deployment/snapshots/:cid", admin, remove),
    ]
}

#[derive(Serialize)]
struct Shown {
    job: String,
    index: i64,
    uuid: String,
    snapshot_cid: String,
    created_at: String,
    clean: bool,
}

/// Those of a deployment, or of an instance of it.
async fn list(call: Call) -> Result<Response, Failure> {
    let (job, id) = (call.param("job"), call.param("id"));
    let is_wanted = |one: &Instance| job.is_empty() || (one.job == job && is_called(one, id));
    let instances: BTreeMap<i64, Instance> = call
        .instances()
        .await?
        .into_iter()
        .filter(is_wanted)
        .map(|one| (one.id, one))
        .collect();
    let deployment = call.deployment()?;
    let all = snapshots::of_deployment(call.api.store.pool(), deployment.id).await?;
    let shown = all.into_iter().filter_map(|one| {
        let instance = instances.get(&one.instance_id)?;
        Some(Shown {
            job: instance.job.clone(),
            index: instance.index_number,
            uuid: instance.uuid.clone(),
            created_at: clock::text(one.created_at),
            snapshot_cid: one.snapshot_cid,
            clean: *one.clean,
        })
    });
    json(&shown.collect::<Vec<_>>())
}

async fn enqueued(call: &Call, description: &str, work: Work) -> Result<Response, Failure> {
    let deployment = call.deployment()?;
    let wanted = Wanted {
        work,
        description: description.to_owned(),
        deployment: Some((&deployment.name, &deployment.teams)),
    };
    enqueue(call, wanted).await
}

async fn take_all(call: Call) -> Result<Response, Failure> {
    let work = Work::SnapshotDeployment {
        deployment: call.deployment()?.name.clone(),
    };
    enqueued(&call, "snapshot deployment", work).await
}

async fn delete_all(call: Call) -> Result<Response, Failure> {
    let work = Work::DeleteSnapshots {
        deployment: call.deployment()?.name.clone(),
    };
    enqueued(&call, "delete deployment snapshots", work).await
}

async fn take(call: Call) -> Result<Response, Failure> {
    let instance = call.instance().await?;
    let work = Work::CreateSnapshot {
        deployment: call.deployment()?.name.clone(),
        job: instance.job,
        id: instance.uuid,
    };
    enqueued(&call, "create snapshot", work).await
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let deployment = call.deployment()?;
    let cid = call.param("cid").to_owned();
    let all = snapshots::of_deployment(call.api.store.pool(), deployment.id).await?;
    if !all.iter().any(|one| one.snapshot_cid == cid) {
        let text = format!("snapshot {cid} not found in deployment {}", deployment.name);
        return Err(Failure::bad(70_008, text));
    }
    let work = Work::DeleteSnapshot {
        deployment: deployment.name.clone(),
        cid,
    };
    enqueued(&call, "delete snapshot", work).await
}
