//! Persistent disks that nobody needs, orphaning one, deleting one, attaching one.

use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use warren_director_store::deployments;
use warren_director_store::disks;
use warren_director_store::work::Work;

use crate::answer::json;
use crate::call::{self, Call};
use crate::clock;
use crate::enqueue::{Wanted, enqueue, enqueue_alone};
use crate::failure::Failure;
use crate::route::{Route, delete, get, put};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/disks", Need::Admin, list),
        get("/orphan_disks", Need::Admin, list),
        delete("/disks/:cid", Need::Admin, remove),
        delete("/orphan_disks/:cid", Need::Admin, remove),
        put("/disks/:cid/attachments", Need::Admin, attach),
    ]
}

/// An orphaned disk as the wire has it.
#[derive(Serialize)]
pub(super) struct Orphan {
    disk_cid: String,
    size: i64,
    az: Option<String>,
    deployment_name: String,
    instance_name: String,
    cloud_properties: Value,
    orphaned_at: String,
}

/// All orphaned disks.
pub(super) async fn orphaned(call: &Call) -> Result<Vec<Orphan>, Failure> {
    let all = disks::orphans(call.api.store.pool()).await?;
    let shown = all.into_iter().map(|disk| Orphan {
        disk_cid: disk.disk_cid,
        size: disk.size,
        az: disk.availability_zone,
        deployment_name: disk.deployment_name,
        instance_name: disk.instance_name,
        cloud_properties: serde_json::from_str(&disk.cloud_properties).unwrap_or_default(),
        orphaned_at: clock::text(disk.orphaned_at),
    });
    Ok(shown.collect())
}

async fn list(call: Call) -> Result<Response, Failure> {
    json(&orphaned(&call).await?)
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let cid = call.param("cid").to_owned();
    let orphan = call.query.is_true("orphan");
    if !orphan && disks::find(call.api.store.pool(), &cid).await?.is_some() {
        return Err(Failure::bad(
            520_000,
            format!("Disk '{cid}' is in use by an instance: orphan it instead, or detach it first"),
        ));
    }
    let description = if orphan {
        "orphan disk"
    } else {
        "delete orphan disks"
    };
    enqueue_alone(&call, description, Work::DeleteDisk { cid, orphan }).await
}

async fn attach(call: Call) -> Result<Response, Failure> {
    let cid = call.param("cid").to_owned();
    let wanted = |name: &str| -> Result<String, Failure> {
        let value = call.query.some(name).map(str::to_owned);
        value.ok_or_else(|| Failure::bad(40_001, format!("Required parameter '{name}' is missing")))
    };
    let (name, job, instance_id) = (
        wanted("deployment")?,
        wanted("job")?,
        wanted("instance_id")?,
    );
    let deployment = call::deployment(&call.api, &name)
        .await?
        .ok_or_else(|| Failure::no_deployment(&name))?;
    let all = warren_director_store::instances::of_deployment(call.api.store.pool(), deployment.id);
    if !all
        .await?
        .iter()
        .any(|one| one.job == job && one.uuid == instance_id)
    {
        // A number names no instance here.
        return Err(Failure::bad(
            520_001,
            format!("Instance '{job}/{instance_id}' in deployment '{name}' was not found"),
        ));
    }
    let deployment: deployments::Deployment = deployment;
    let wanted = Wanted {
        description: format!("attach disk '{cid}' to '{job}/{instance_id}'"),
        work: Work::AttachDisk {
            cid,
            deployment: name,
            job,
            instance_id,
            copy_properties: call.query.get("disk_properties") == Some("copy"),
        },
        deployment: Some((&deployment.name, &deployment.teams)),
    };
    enqueue(&call, wanted).await
}
