//! Machines by what the CPI calls them: deleting one, and those whose place another has taken.

use axum::response::Response;
use serde::Serialize;
use warren_director_store::work::Work;
use warren_director_store::{ips, orphaned_vms};

use crate::answer::json;
use crate::call::Call;
use crate::clock;
use crate::enqueue::enqueue_alone;
use crate::failure::Failure;
use crate::route::{Route, delete, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        delete("/vms/:cid", Need::Admin, remove),
        get("/orphaned_vms", Need::Admin, orphans),
    ]
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let cid = call.param("cid").to_owned();
    enqueue_alone(&call, format!("delete vm {cid}"), Work::DeleteVm { cid }).await
}

/// An orphaned machine as the wire has it.
#[derive(Serialize)]
pub(super) struct Orphan {
    az: Option<String>,
    cid: String,
    deployment_name: String,
    instance_name: String,
    ip_addresses: Vec<String>,
    orphaned_at: String,
}

/// All orphaned machines.
pub(super) async fn orphaned(call: &Call) -> Result<Vec<Orphan>, Failure> {
    let pool = call.api.store.pool();
    let all = orphaned_vms::list(pool).await?;
    let taken = match all.is_empty() {
        true => Vec::new(),
        false => ips::list(pool).await?,
    };
    let shown = all.into_iter().map(|vm| Orphan {
        ip_addresses: taken
            .iter()
            .filter(|ip| ip.orphaned_vm_id == Some(vm.id))
            .map(|ip| super::instances::bare(&ip.address))
            .collect(),
        az: vm.availability_zone,
        cid: vm.cid,
        deployment_name: vm.deployment_name,
        instance_name: vm.instance_name,
        orphaned_at: clock::text(vm.orphaned_at),
    });
    Ok(shown.collect())
}

async fn orphans(call: Call) -> Result<Response, Failure> {
    json(&orphaned(&call).await?)
}
