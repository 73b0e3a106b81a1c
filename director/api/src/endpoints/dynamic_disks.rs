//! Disks that requests make for jobs, outside of manifests.

use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use warren_director_store::dynamic_disks;
use warren_director_store::work::{DynamicDisk, Work};

use crate::answer::json;
use crate::body::Body;
use crate::call::Call;
use crate::enqueue::enqueue_alone;
use crate::failure::Failure;
use crate::route::{Route, Takes, delete, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    let scope = Need::Scope;
    vec![
        get("/dynamic_disks", scope("bosh.dynamic-disks.list"), list),
        post("/dynamic_disks", scope("bosh.dynamic-disks.create"), create).takes(Takes::Json),
        post(
            "/dynamic_disks/provide",
            Need::Scopes("bosh.dynamic-disks.create", "bosh.dynamic-disks.attach"),
            provide,
        )
        .takes(Takes::Json),
        post(
            "/dynamic_disks/:name/attach",
            scope("bosh.dynamic-disks.attach"),
            attach,
        )
        .takes(Takes::Json),
        post(
            "/dynamic_disks/:name/detach",
            scope("bosh.dynamic-disks.detach"),
            detach,
        ),
        delete(
            "/dynamic_disks/:name",
            scope("bosh.dynamic-disks.delete"),
            remove,
        ),
    ]
}

#[derive(Serialize)]
struct Shown {
    name: String,
    disk_cid: String,
    deployment: String,
    instance: Option<String>,
    availability_zone: Option<String>,
    size: i64,
    disk_pool_name: String,
    cpi: String,
    metadata: Option<Value>,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let all = dynamic_disks::list(call.api.store.pool()).await?;
    let shown = all.into_iter().map(|disk| Shown {
        metadata: disk
            .metadata
            .and_then(|text| serde_json::from_str(&text).ok()),
        name: disk.name,
        disk_cid: disk.disk_cid,
        deployment: disk.deployment,
        instance: disk.instance,
        availability_zone: disk.availability_zone,
        size: disk.size,
        disk_pool_name: disk.disk_pool_name,
        cpi: disk.cpi,
    });
    json(&shown.collect::<Vec<_>>())
}

fn metadata(body: &Body) -> Result<Option<Map<String, Value>>, Failure> {
    Ok(body.some_object("metadata")?.map(Body::into_map))
}

async fn create(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let work = DynamicDisk::Create {
        deployment: body.text("deployment_name")?,
        az: body.text("az")?,
        name: body.text("disk_name")?,
        pool: body.text("disk_pool_name")?,
        size: body.positive("disk_size")?,
        metadata: metadata(&body)?,
    };
    enqueue_alone(&call, "create dynamic disk", Work::DynamicDisk(work)).await
}

async fn provide(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let work = DynamicDisk::Provide {
        instance_id: body.text("instance_id")?,
        name: body.text("disk_name")?,
        pool: body.text("disk_pool_name")?,
        size: body.positive("disk_size")?,
        metadata: metadata(&body)?,
    };
    enqueue_alone(&call, "provide dynamic disk", Work::DynamicDisk(work)).await
}

async fn attach(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let work = DynamicDisk::Attach {
        name: call.param("name").to_owned(),
        instance_id: body.text("instance_id")?,
        metadata: metadata(&body)?,
    };
    enqueue_alone(&call, "attach dynamic disk", Work::DynamicDisk(work)).await
}

async fn detach(call: Call) -> Result<Response, Failure> {
    let work = DynamicDisk::Detach {
        name: call.param("name").to_owned(),
    };
    enqueue_alone(&call, "detach dynamic disk", Work::DynamicDisk(work)).await
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let work = DynamicDisk::Delete {
        name: call.param("name").to_owned(),
    };
    enqueue_alone(&call, "delete dynamic disk", Work::DynamicDisk(work)).await
}
