//! Snapshots of persistent disks: taken, deleted.
//!
//! ```text
//! CPI's snapshot_disk ── a row ── (disk orphaned: kept with it) ── CPI's delete_snapshot ── no row
//! ```
//!
//! Where snapshots are switched off none is taken, and the task ends well, as with stock. A CPI that
//! cannot take any is no error either. Source: reference of the director's interface, section 3.2.

use serde_json::{Map, Value, json};
use warren_director_cpi::ErrorKind;
use warren_director_store::deployments::Deployment;
use warren_director_store::disks::{self, OrphanDisk};
use warren_director_store::instances::{self, Instance};
use warren_director_store::snapshots::{self, Snapshot};
use warren_director_store::vms;

use super::targets;
use crate::cpis::Cpis;
use crate::{Engine, Error, Task};

/// Takes snapshots of all disks of a deployment. A disk whose CPI refuses is passed over, with a warning.
pub async fn of_deployment(
    engine: &Engine,
    task: &Task,
    deployment: &str,
) -> Result<String, Error> {
    let row = targets::deployment(engine, deployment).await?;
    for instance in instances::of_deployment(engine.store.pool(), row.id).await? {
        task.check()?;
        match take(engine, task, &row, &instance, false).await {
            Err(Error::Cpi(error)) => task.warn(&format!(
                "No snapshot of {}: {}",
                instance.name(),
                warren_lib_errchain::chain(&error)
            )),
            done => {
                done?;
            }
        }
    }
    Ok(format!("snapshots of deployment '{deployment}' created"))
}

/// Takes snapshots of the disks of an instance.
pub async fn of_instance(
    engine: &Engine,
    task: &Task,
    deployment: &str,
    job: &str,
    id: &str,
) -> Result<String, Error> {
    let row = targets::deployment(engine, deployment).await?;
    let all = instances::of_deployment(engine.store.pool(), row.id).await?;
    let instance = all
        .into_iter()
        .find(|one| one.job == job && targets::is(one, id))
        .ok_or_else(|| {
            Error::refused(
                70_001,
                format!("Instance '{job}/{id}' in deployment '{deployment}' doesn't exist"),
            )
        })?;
    let taken = take(engine, task, &row, &instance, false).await?;
    Ok(format!("snapshot(s) {} created", taken.join(", ")))
}

/// Takes snapshots of an instance's disks, if that is switched on; what the CPI calls them. `clean` says
/// that the jobs are stopped.
pub async fn take(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    instance: &Instance,
    clean: bool,
) -> Result<Vec<String>, Error> {
    let mut taken = Vec::new();
    if !engine.config.snapshots {
        task.log("snapshots are switched off: none is taken");
        return Ok(taken);
    }
    let pool = engine.store.pool();
    let machines = vms::of_instance(pool, instance.id).await?;
    let machine = machines.iter().find(|vm| *vm.active);
    let mut metadata = Map::new();
    for (key, value) in [
        ("deployment", json!(deployment.name)),
        ("job", json!(instance.job)),
        ("index", json!(instance.index_number)),
        ("director_name", json!(engine.config.name)),
        ("director_uuid", json!(engine.config.uuid)),
        ("agent_id", json!(machine.map(|vm| &vm.agent_id))),
        ("instance_id", json!(instance.uuid)),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    metadata.extend(tags(deployment));
    let cpis = Cpis::read(engine, task).await?;
    for disk in disks::of_instance(pool, instance.id).await? {
        let cpi = cpis.get(&disk.cpi)?;
        let cid = match cpi.snapshot_disk(&disk.disk_cid, metadata.clone()).await? {
            Ok(cid) => cid,
            // Of another disk it may have one.
            Err(why) => {
                task.warn(&format!(
                    "No snapshot of disk '{}' of {}: {why}",
                    disk.disk_cid,
                    instance.name()
                ));
                continue;
            }
        };
        snapshots::create(pool, disk.id, &cid, clean).await?;
        taken.push(cid);
    }
    Ok(taken)
}

/// Tags of a manifest that was carried out.
fn tags(deployment: &Deployment) -> Map<String, Value> {
    let manifest: Value = deployment
        .manifest
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    match manifest.get("tags") {
        Some(Value::Object(tags)) => tags.clone(),
        _ => Map::new(),
    }
}

/// Deletes one snapshot of a deployment.
pub async fn delete(
    engine: &Engine,
    task: &Task,
    deployment: &str,
    cid: &str,
) -> Result<String, Error> {
    let row = targets::deployment(engine, deployment).await?;
    let all = snapshots::of_deployment(engine.store.pool(), row.id).await?;
    let one = all.iter().find(|one| one.snapshot_cid == cid);
    let one = one.ok_or_else(|| {
        Error::refused(
            70_008,
            format!("snapshot {cid} not found in deployment {deployment}"),
        )
    })?;
    remove(engine, task, one).await?;
    Ok(format!("snapshot(s) {cid} deleted"))
}

/// Deletes all snapshots of a deployment.
pub async fn delete_all(engine: &Engine, task: &Task, deployment: &str) -> Result<String, Error> {
    let row = targets::deployment(engine, deployment).await?;
    for one in snapshots::of_deployment(engine.store.pool(), row.id).await? {
        task.check()?;
        remove(engine, task, &one).await?;
    }
    Ok(format!("snapshots of deployment '{deployment}' deleted"))
}

async fn remove(engine: &Engine, task: &Task, one: &Snapshot) -> Result<(), Error> {
    let cpi = engine.cpi_named(task, &one.cpi).await?;
    cpi.delete_snapshot(&one.snapshot_cid).await?;
    Ok(snapshots::delete(engine.store.pool(), one.id).await?)
}

/// Deletes the snapshots of an orphaned disk; one that its CPI does not know is deleted.
pub async fn delete_of_orphan(
    engine: &Engine,
    task: &Task,
    orphan: &OrphanDisk,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    for (id, cid) in snapshots::of_orphan(pool, orphan.id).await? {
        let cpi = engine.cpi_named(task, &orphan.cpi).await?;
        match cpi.delete_snapshot(&cid).await {
            Err(error) if error.kind() == Some(ErrorKind::DiskNotFound) => {}
            done => done?,
        }
        snapshots::delete_orphan(pool, id).await?;
    }
    Ok(())
}
