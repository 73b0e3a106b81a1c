//! `retrieve vm-stats`: what rows and agents say of machines, one JSON object a line.
//!
//! Agents are asked all at once; one that is silent for five seconds is called unresponsive.

use std::time::Duration;

use serde_json::{Value, json};
use warren_director_store::disks::Disk;
use warren_director_store::instances::Instance;
use warren_director_store::ips::IpAddress;
use warren_director_store::vms::Vm;
use warren_director_store::{disks, instances, ips, vms};

use super::targets;
use crate::many::join_all;
use crate::{Engine, Error, Task};

/// How long an agent may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes a line for each instance, or for each machine.
pub async fn run(
    engine: &Engine,
    task: &Task,
    deployment: &str,
    of_instances: bool,
) -> Result<String, Error> {
    let pool = engine.store.pool();
    let deployment = targets::deployment(engine, deployment).await?;
    let mut rows = instances::of_deployment(pool, deployment.id).await?;
    rows.retain(|row| !*row.compilation);
    let known = Known {
        disks: disks::of_deployment(pool, deployment.id).await?,
        addresses: ips::list(pool).await?,
    };
    let machines = vms::of_deployment(pool, deployment.id).await?;
    let mut wanted: Vec<(&Instance, Option<&Vm>)> = Vec::new();
    for row in &rows {
        let all = machines.iter().filter(|vm| vm.instance_id == row.id);
        let active = all.clone().find(|vm| *vm.active && vm.cid.is_some());
        if of_instances {
            wanted.push((row, active));
        } else if active.is_some() {
            // With those that are about to take the place of another.
            wanted.extend(all.map(|vm| (row, Some(vm))));
        }
    }
    let lines = wanted
        .into_iter()
        .map(|(row, vm)| line(engine, row, vm, &known))
        .collect();
    for line in join_all(lines).await {
        task.result(format!("{line}\n").as_bytes());
    }
    Ok(String::new())
}

struct Known {
    disks: Vec<Disk>,
    addresses: Vec<IpAddress>,
}

async fn line(engine: &Engine, row: &Instance, vm: Option<&Vm>, known: &Known) -> Value {
    let state = match vm.filter(|vm| vm.cid.is_some()) {
        Some(vm) => {
            let agent = engine.bus.agent(&vm.agent_id);
            match agent.get_state(true, Some(PATIENCE)).await {
                Ok(state) => Some(state),
                Err(_) => Some(json!({"job_state": "unresponsive agent"})),
            }
        }
        None => None,
    };
    let said = |key: &str| state.as_ref().and_then(|state| state.get(key)).cloned();
    let spec: Value = parse(row.spec.as_deref());
    let disks: Vec<&Disk> = known
        .disks
        .iter()
        .filter(|disk| disk.instance_id == row.id && *disk.active)
        .collect();
    let managed = disks.iter().find(|disk| disk.name.is_empty());
    let created = vm
        .and_then(|vm| time::OffsetDateTime::from_unix_timestamp(vm.created_at).ok())
        .and_then(|time| {
            time.format(&time::format_description::well_known::Rfc3339)
                .ok()
        });
    let cloud_properties = match vm {
        Some(vm) => parse(vm.cloud_properties.as_deref()),
        None => parse(row.cloud_properties.as_deref()),
    };
    let vm_type = vm.and_then(|_| spec.pointer("/vm_type/name"));
    json!({
        "vm_cid": vm.and_then(|vm| vm.cid.as_deref()),
        "active": vm.map(|vm| *vm.active),
        "vm_created_at": created,
        "cloud_properties": if cloud_properties.is_object() { cloud_properties } else { json!({}) },
        "disk_cid": managed.map(|disk| &disk.disk_cid),
        "disk_cids": disks.iter().map(|disk| &disk.disk_cid).collect::<Vec<_>>(),
        "ips": addresses(row, vm, known),
        "agent_id": vm.map(|vm| &vm.agent_id),
        "job_name": row.job,
        "index": row.index_number,
        "job_state": said("job_state"),
        "state": row.state,
        "vm_type": vm_type,
        "vitals": said("vitals"),
        "processes": said("processes").filter(Value::is_array).unwrap_or_else(|| json!([])),
        "az": row.availability_zone,
        "id": row.uuid,
        "bootstrap": *row.bootstrap,
        "ignore": *row.ignored,
        "stemcell": {
            "name": vm.and_then(|vm| vm.stemcell_name.as_deref()),
            "version": vm.and_then(|vm| vm.stemcell_version.as_deref()),
            "api_version": vm.and_then(|vm| vm.stemcell_api_version),
        },
    })
}

fn parse(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Addresses that the director gave, and those that the infrastructure gave.
fn addresses(row: &Instance, vm: Option<&Vm>, known: &Known) -> Vec<String> {
    let Some(vm) = vm else { return Vec::new() };
    let mut found: Vec<String> = known
        .addresses
        .iter()
        .filter(|one| match one.vm_id {
            Some(id) => id == vm.id,
            None => one.instance_id == Some(row.id),
        })
        .map(|one| plain(&one.address))
        .collect();
    let told = vm.dynamic_addresses().into_values();
    let told = told.filter(|ip| !found.contains(ip)).collect::<Vec<_>>();
    found.extend(told);
    found
}

/// An address without the prefix of a single one.
fn plain(address: &str) -> String {
    let single = address
        .strip_suffix("/32")
        .or_else(|| address.strip_suffix("/128"));
    single.unwrap_or(address).to_owned()
}
