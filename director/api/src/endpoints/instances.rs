//! Instances and machines of a deployment: as rows, or by way of a task that asks their agents.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use warren_director_store::disks;
use warren_director_store::instances::{self, Instance};
use warren_director_store::ips::{self, IpAddress};
use warren_director_store::vms::{self, Vm};
use warren_director_store::work::Work;

use crate::answer::{empty, json};
use crate::body::Body;
use crate::call::Call;
use crate::clock;
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, put};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/deployments/:deployment/vms",
            Need::DeploymentRead,
            list_vms,
        ),
        get(
            "/deployments/:deployment/instances",
            Need::DeploymentRead,
            list_instances,
        ),
        get(
            "/deployments/:deployment/jobs/:job/:id",
            Need::DeploymentAdmin,
            show,
        ),
        put(
            "/deployments/:deployment/instance_groups/:job/:id/ignore",
            Need::DeploymentAdmin,
            ignore,
        )
        .takes(Takes::Json),
        put(
            "/deployments/:deployment/jobs/:job/:id/resurrection",
            Need::DeploymentAdmin,
            gone,
        ),
    ]
}

#[derive(Serialize)]
struct Row<'a> {
    agent_id: Option<&'a str>,
    cid: Option<&'a str>,
    job: &'a str,
    index: i64,
    id: &'a str,
    az: Option<&'a str>,
    ips: Vec<String>,
    vm_created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expects_vm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permanent_nats_credentials: Option<bool>,
}

/// Rows of a deployment.
struct Rows {
    instances: Vec<Instance>,
    vms: Vec<Vm>,
    ips: Vec<IpAddress>,
}

impl Rows {
    /// The addresses of a machine of an instance, or of the instance if it has none: not those of
    /// another machine of it, which waits to take its place.
    fn ips(&self, instance: &Instance, vm: Option<&Vm>) -> Vec<String> {
        let of_another = |ip: &IpAddress| ip.vm_id.is_some() && ip.vm_id != vm.map(|vm| vm.id);
        let mine = self
            .ips
            .iter()
            .filter(|ip| ip.instance_id == Some(instance.id) && !of_another(ip));
        let told = vm.map(Vm::dynamic_addresses).unwrap_or_default();
        mine.map(|ip| bare(&ip.address))
            .chain(told.into_values())
            .collect()
    }
}

async fn rows(call: &Call) -> Result<Rows, Failure> {
    let pool = call.api.store.pool();
    let id = call.deployment()?.id;
    Ok(Rows {
        instances: call.instances().await?,
        vms: vms::of_deployment(pool, id).await?,
        ips: ips::of_deployment(pool, id).await?,
    })
}

/// An address without the prefix of a single one.
pub(super) fn bare(address: &str) -> String {
    let single = ["/32", "/128"];
    let found = single
        .iter()
        .find_map(|suffix| address.strip_suffix(suffix));
    found.unwrap_or(address).to_owned()
}

fn row<'a>(instance: &'a Instance, vm: Option<&'a Vm>, ips: Vec<String>) -> Row<'a> {
    Row {
        agent_id: vm.map(|vm| vm.agent_id.as_str()),
        cid: vm.and_then(|vm| vm.cid.as_deref()),
        job: &instance.job,
        index: instance.index_number,
        id: &instance.uuid,
        az: instance.availability_zone.as_deref(),
        ips,
        vm_created_at: vm.map(|vm| clock::rfc3339(vm.created_at)),
        expects_vm: None,
        active: None,
        permanent_nats_credentials: None,
    }
}

async fn list_vms(call: Call) -> Result<Response, Failure> {
    if call.query.get("format") == Some("full") {
        return states(call, false).await;
    }
    let rows = rows(&call).await?;
    let mut shown = Vec::new();
    for vm in &rows.vms {
        let Some(instance) = rows.instances.iter().find(|one| one.id == vm.instance_id) else {
            continue;
        };
        let ips = rows.ips(instance, Some(vm));
        shown.push(Row {
            active: Some(*vm.active),
            permanent_nats_credentials: Some(*vm.permanent_nats_credentials),
            ..row(instance, Some(vm), ips)
        });
    }
    json(&shown)
}

async fn list_instances(call: Call) -> Result<Response, Failure> {
    if call.query.get("format") == Some("full") {
        return states(call, true).await;
    }
    let rows = rows(&call).await?;
    let shown: Vec<Row<'_>> = rows
        .instances
        .iter()
        .map(|instance| {
            let mut vms = rows.vms.iter();
            let vm = vms.find(|vm| vm.instance_id == instance.id && *vm.active);
            let ips = rows.ips(instance, vm);
            Row {
                expects_vm: Some(expects_vm(instance)),
                ..row(instance, vm, ips)
            }
        })
        .collect();
    json(&shown)
}

/// Whether there should be a machine: not for errands, which have one while they run, and not for
/// what was stopped for good.
fn expects_vm(instance: &Instance) -> bool {
    let spec = instance.spec.as_deref();
    let spec = spec.and_then(|spec| serde_json::from_str::<Value>(spec).ok());
    let lifecycle = spec
        .as_ref()
        .and_then(|spec| spec.get("lifecycle")?.as_str());
    lifecycle != Some("errand") && instance.state != "detached"
}

async fn states(call: Call, instances: bool) -> Result<Response, Failure> {
    let work = Work::VmState {
        deployment: call.deployment()?.name.clone(),
        instances,
    };
    on_deployment(&call, "retrieve vm-stats", work).await
}

#[derive(Serialize)]
struct Shown<'a> {
    deployment: &'a str,
    job: &'a str,
    index: i64,
    id: &'a str,
    state: &'a str,
    disks: Vec<String>,
}

async fn show(call: Call) -> Result<Response, Failure> {
    let instance = call.instance().await?;
    let disks = disks::of_instance(call.api.store.pool(), instance.id).await?;
    json(&Shown {
        deployment: &call.deployment()?.name,
        job: &instance.job,
        index: instance.index_number,
        id: &instance.uuid,
        state: &instance.state,
        disks: disks.into_iter().map(|disk| disk.disk_cid).collect(),
    })
}

async fn ignore(mut call: Call) -> Result<Response, Failure> {
    let ignore = Body::of(&mut call).await?.flag("ignore")?;
    let instance = call.instance().await?;
    instances::set_ignored(call.api.store.pool(), instance.id, ignore).await?;
    Ok(empty(StatusCode::OK))
}

/// Single instances are ignored instead.
async fn gone(_: Call) -> Result<Response, Failure> {
    Err(Failure::Text(
        StatusCode::GONE,
        "This endpoint has been removed. Please use a resurrection config instead.".to_owned(),
    ))
}
