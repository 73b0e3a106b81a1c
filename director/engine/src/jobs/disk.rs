//! `delete orphan disks`, `orphan disk` and `attach disk`: one disk by its id.

use serde_json::Value;
use warren_director_store::instances::Instance;
use warren_director_store::{deployments, disks, instances, snapshots as rows};

use super::{snapshots, targets};
use crate::event_log::Stage;
use crate::task::Event;
use crate::{Engine, Error, Task, disks as steps, lock, update};

/// Deletes a disk that no instance has; one that is not there is deleted.
pub async fn delete(engine: &Engine, task: &Task, cid: &str) -> Result<String, Error> {
    if disks::find(engine.store.pool(), cid).await?.is_some() {
        return Err(Error::refused(
            520_000,
            format!("Disk '{cid}' is still in use"),
        ));
    }
    let stage = Stage::new(task, "Deleting orphaned disks", 1, &[]);
    let title = format!("Deleting orphaned disk {cid}");
    stage
        .run(&title, |_| async {
            let orphans = disks::orphans(engine.store.pool()).await?;
            match orphans.iter().find(|one| one.disk_cid == cid) {
                Some(orphan) => delete_orphan(engine, task, orphan).await,
                None => {
                    task.log(&format!("no disk is known by the id '{cid}'"));
                    Ok(())
                }
            }
        })
        .await?;
    Ok(format!("orphaned disk(s) {cid} deleted"))
}

/// Deletes a disk that is kept for a while, and forgets it.
pub async fn delete_orphan(
    engine: &Engine,
    task: &Task,
    orphan: &disks::OrphanDisk,
) -> Result<(), Error> {
    let cid = &orphan.disk_cid;
    let begun = record(task, orphan, None, None).await?;
    let done = async {
        snapshots::delete_of_orphan(engine, task, orphan).await?;
        let cpi = engine.cpi_named(task, &orphan.cpi).await?;
        Ok::<(), Error>(cpi.delete_disk(cid).await?)
    };
    let done = done.await;
    let error = done.as_ref().err().map(Error::story);
    record(task, orphan, Some(begun), error.as_deref()).await?;
    done?;
    Ok(disks::delete_orphan(engine.store.pool(), cid).await?)
}

/// Records that a kept disk is deleted, of the deployment and the instance that it was of.
async fn record(
    task: &Task,
    orphan: &disks::OrphanDisk,
    parent: Option<i64>,
    error: Option<&str>,
) -> Result<i64, Error> {
    task.event(Event {
        parent,
        action: "delete",
        object_type: "disk",
        object_name: Some(&orphan.disk_cid),
        error,
        deployment: Some(&orphan.deployment_name),
        instance: Some(&orphan.instance_name),
        ..Event::default()
    })
    .await
}

/// Takes a disk from its instance and keeps it for a while.
pub async fn orphan(engine: &Engine, task: &Task, cid: &str) -> Result<String, Error> {
    let result = format!("disk {cid} orphaned");
    let pool = engine.store.pool();
    let Some(disk) = disks::find(pool, cid).await? else {
        // Nobody has it: it is one that is kept, or none.
        return Ok(result);
    };
    let row = instances::find(pool, disk.instance_id)
        .await?
        .ok_or_else(|| Error::refused(70_001, format!("The instance of disk '{cid}' is gone")))?;
    let all = deployments::list(pool).await?;
    let deployment = all.into_iter().find(|one| one.id == row.deployment_id);
    // Whose disk it was is remembered with it.
    let mut task = task.clone();
    task.deployment = deployment.map(|one| one.name);
    let name = task.deployment.clone().unwrap_or_default();
    lock::with(
        &task,
        &format!("lock:deployment:{name}"),
        lock::PATIENCE,
        async {
            let machine = update::active(engine, row.id).await?;
            steps::let_go(engine, &task, &row, machine.as_ref(), &disk).await
        },
    )
    .await?;
    Ok(result)
}

/// What `attach disk` was asked for.
pub struct Attach<'a> {
    /// The disk.
    pub cid: &'a str,
    /// The deployment's name.
    pub deployment: &'a str,
    /// The instance group.
    pub job: &'a str,
    /// The instance's id.
    pub instance_id: &'a str,
    /// Whether the cloud properties of the disk that is there are kept.
    pub copy_properties: bool,
}

/// Gives a disk to an instance in the place of the one that it has.
pub async fn attach(engine: &Engine, task: &Task, wanted: &Attach<'_>) -> Result<String, Error> {
    let mut task = task.clone();
    task.deployment = Some(wanted.deployment.to_owned());
    let name = format!("lock:deployment:{}", wanted.deployment);
    lock::with(&task, &name, lock::PATIENCE, give(engine, &task, wanted)).await?;
    Ok(format!(
        "attached disk '{}' to '{}/{}' in deployment '{}'",
        wanted.cid, wanted.job, wanted.instance_id, wanted.deployment
    ))
}

async fn give(engine: &Engine, task: &Task, wanted: &Attach<'_>) -> Result<(), Error> {
    let pool = engine.store.pool();
    let deployment = targets::deployment(engine, wanted.deployment).await?;
    let row: Instance = instances::of_deployment(pool, deployment.id)
        .await?
        .into_iter()
        .find(|row| row.job == wanted.job && row.uuid == wanted.instance_id)
        .ok_or_else(|| {
            Error::refused(
                520_001,
                format!(
                    "Instance '{}/{}' in deployment '{}' was not found",
                    wanted.job, wanted.instance_id, wanted.deployment
                ),
            )
        })?;
    if row.state == "started" {
        return Err(Error::refused(
            520_003,
            format!(
                "Instance '{}' in deployment '{}' must be in 'bosh stopped' state",
                row.name(),
                wanted.deployment
            ),
        ));
    }
    if disks::find(pool, wanted.cid).await?.is_some() {
        return Err(Error::refused(
            520_000,
            format!("Disk '{}' is in use by an instance", wanted.cid),
        ));
    }
    let machine = update::active(engine, row.id).await?;
    let there = disks::of_instance(pool, row.id).await?;
    let old = there
        .iter()
        .find(|disk| disk.name.is_empty() && *disk.active);
    let orphans = disks::orphans(pool).await?;
    let orphan = orphans.iter().find(|one| one.disk_cid == wanted.cid);
    let properties = match (wanted.copy_properties, old, orphan) {
        (true, Some(old), _) => old.cloud_properties.clone(),
        (_, _, Some(orphan)) => orphan.cloud_properties.clone(),
        _ => Value::Object(serde_json::Map::new()).to_string(),
    };
    let size = match (orphan, wanted.copy_properties, old) {
        (Some(orphan), _, _) => orphan.size,
        (None, true, Some(old)) => old.size,
        // Nobody knows; the next deploy compares it with what the manifest says.
        (None, _, _) => 1,
    };
    let cpi = match (orphan, &machine, old) {
        (Some(orphan), _, _) => orphan.cpi.clone(),
        (None, Some(machine), _) => machine.cpi.clone(),
        (None, None, Some(old)) => old.cpi.clone(),
        (None, None, None) => String::new(),
    };
    // Before the one that is there is let go.
    let asked = engine.cpi_named(task, &cpi).await?;
    if asked.has_disk(wanted.cid).await? == Some(false) {
        return Err(Error::refused(
            520_000,
            format!(
                "Disk '{}' does not exist: the CPI knows no disk by this id",
                wanted.cid
            ),
        ));
    }
    if let Some(old) = old {
        steps::let_go(engine, task, &row, machine.as_ref(), old).await?;
    }
    let new = disks::New {
        instance_id: row.id,
        cid: wanted.cid,
        name: "",
        size,
        active: true,
        cloud_properties: &properties,
        cpi: &cpi,
    };
    let mut tx = engine.store.begin().await?;
    let disk = disks::create(&mut *tx, &new).await?;
    if let Some(orphan) = orphan {
        rows::adopt(&mut tx, orphan.id, disk.id).await?;
    }
    disks::delete_orphan(&mut *tx, wanted.cid).await?;
    steps::commit(tx).await?;
    match &machine {
        Some(vm) => {
            let tags = targets::tags(engine, task, &deployment, &row.job).await;
            let owner = steps::Owner {
                row: &row,
                tags: &tags,
            };
            steps::attach_one(engine, task, owner, vm, &disk).await
        }
        None => Ok(()),
    }
}
