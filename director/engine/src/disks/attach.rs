//! Disks on machines: attached, mounted by agents, and off again.
//!
//! Whether a disk with a name is on its machine nobody can tell, so nothing detaches one before its instance
//! is marked as one whose update broke off ([`begin`]).

use serde_json::json;
use warren_director_bus::Agent;
use warren_director_store::disks::{self, Disk};
use warren_director_store::vms::Vm;
use warren_director_store::{Flag, instances};

use super::{Owner, heal};
use crate::task::rfc3339;
use crate::vm::as_metadata;
use crate::{Engine, Error, Task, lock};

/// Marks an instance as one whose update broke off, until one does not.
pub async fn begin(engine: &Engine, instance: i64) -> Result<(), Error> {
    let pool = engine.store.pool();
    // Its row may be newer than what the caller has.
    if let Some(mut row) = instances::find(pool, instance).await?
        && *row.update_completed
    {
        row.update_completed = Flag(false);
        instances::save(pool, &row).await?;
    }
    Ok(())
}

/// Attaches the disks of an instance to a machine that is new.
pub async fn attach_all(
    engine: &Engine,
    task: &Task,
    owner: Owner<'_>,
    vm: &Vm,
) -> Result<(), Error> {
    heal(engine, task, owner.row).await?;
    for disk in disks::of_instance(engine.store.pool(), owner.row.id).await? {
        if *disk.active {
            attach_one(engine, task, owner, vm, &disk).await?;
        }
    }
    Ok(())
}

/// Attaches one disk to a machine, and mounts it unless a job does that.
pub async fn attach_one(
    engine: &Engine,
    task: &Task,
    owner: Owner<'_>,
    vm: &Vm,
    disk: &Disk,
) -> Result<(), Error> {
    attach(engine, task, owner, vm, disk).await?;
    if disk.name.is_empty() {
        mount(engine, task, vm, disk).await?;
    }
    Ok(())
}

/// Takes the disks of an instance from its machine, which answers or not.
pub async fn detach_all(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
    responds: bool,
) -> Result<(), Error> {
    let all = disks::of_instance(engine.store.pool(), row.id).await?;
    if !all.is_empty() {
        begin(engine, row.id).await?;
    }
    for disk in all {
        if responds {
            detach(engine, task, vm, &disk).await?;
        } else {
            detach_from_cpi(engine, task, vm, &disk).await?;
        }
    }
    Ok(())
}

/// Attaches a disk to a machine, and tells its agent.
pub async fn attach(
    engine: &Engine,
    task: &Task,
    owner: Owner<'_>,
    vm: &Vm,
    disk: &Disk,
) -> Result<(), Error> {
    let row = owner.row;
    let cid = vm.cid.clone().unwrap_or_default();
    let cpi = engine.cpi_named(task, &disk.cpi).await?;
    let hint = lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
        let attached = cpi
            .attach_disk(&cid, &disk.disk_cid, vm.stemcell_api_version)
            .await;
        Ok(attached?)
    })
    .await?;
    let agent = engine.bus.agent(&vm.agent_id);
    // Some infrastructures start the machine again for it.
    agent
        .wait_until_ready(engine.config.agent_patience, task)
        .await?;
    let arguments = vec![json!(disk.disk_cid), hint];
    match agent.run("add_persistent_disk", arguments, task).await {
        Err(error) if error.is_unknown_method() => {}
        done => {
            done?;
        }
    }
    // Who it is counts for more than tags of the same names.
    let mut metadata = as_metadata(owner.tags);
    let deployment = task.deployment.clone().unwrap_or_default();
    for (key, value) in [
        ("director", engine.config.name.clone()),
        ("deployment", deployment),
        ("instance_id", row.uuid.clone()),
        ("instance_index", row.index_number.to_string()),
        ("instance_group", row.job.clone()),
        ("attached_at", rfc3339(warren_director_store::now())),
    ] {
        metadata.insert(key.to_owned(), json!(value));
    }
    cpi.set_disk_metadata(&disk.disk_cid, metadata).await?;
    Ok(())
}

pub(super) async fn mount(engine: &Engine, task: &Task, vm: &Vm, disk: &Disk) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    agent
        .run("mount_disk", vec![json!(disk.disk_cid)], task)
        .await?;
    Ok(())
}

pub(super) async fn detach(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    disk: &Disk,
) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    if disk.name.is_empty() {
        unmount(&agent, task, disk).await?;
    }
    match agent
        .run("remove_persistent_disk", vec![json!(disk.disk_cid)], task)
        .await
    {
        Err(error) if error.is_unknown_method() => {}
        done => {
            done?;
        }
    }
    detach_from_cpi(engine, task, vm, disk).await
}

/// Unmounts a disk if it is mounted.
pub(super) async fn unmount(
    agent: &Agent,
    task: &Task,
    disk: &Disk,
) -> Result<(), warren_director_bus::Error> {
    let mounted = agent.run("list_disk", vec![], task).await?;
    let mut mounted = mounted.as_array().into_iter().flatten();
    if mounted.any(|cid| cid.as_str() == Some(disk.disk_cid.as_str())) {
        let arguments = vec![json!(disk.disk_cid)];
        agent.run("unmount_disk", arguments, task).await?;
    }
    Ok(())
}

/// Has the infrastructure take a disk from a machine. A disk or a machine that is gone is fine.
pub(super) async fn detach_from_cpi(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    disk: &Disk,
) -> Result<(), Error> {
    use warren_director_cpi::ErrorKind;
    let Some(cid) = &vm.cid else { return Ok(()) };
    let cpi = engine.cpi_named(task, &disk.cpi).await?;
    lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
        match cpi
            .detach_disk(cid, &disk.disk_cid, vm.stemcell_api_version)
            .await
        {
            // A disk may never have been attached, or not be any more since somebody was killed who was
            // about to let the machine go; a machine that is gone has none, and a disk that is gone is on
            // none.
            Err(error)
                if matches!(
                    error.kind(),
                    Some(
                        ErrorKind::VmNotFound
                            | ErrorKind::DiskNotAttached
                            | ErrorKind::DiskNotFound
                    )
                ) =>
            {
                Ok(())
            }
            done => Ok(done?),
        }
    })
    .await
}
