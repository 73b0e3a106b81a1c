//! Persistent disks: made, attached, filled from the old one, let go.
//!
//! ```text
//! create (row, not active) ── attach ── mount ── copy ── active ── old: unmount, detach, orphan
//! ```
//!
//! A crash in between leaves a row that is not active, which the next update removes. Source: reference
//! of the deploy engine, section 16.

use serde_json::{Map, Value, json};
use warren_director_store::disks::{self, Disk, New};
use warren_director_store::instances;
use warren_director_store::vms::Vm;

use crate::task::Event;
use crate::variables::Variables;
use crate::{Engine, Error, Task, lock};
use warren_director_plan::{DiskWanted, Group};

/// Makes an instance's disks as they are wanted; its machine answers.
pub async fn update(
    engine: &Engine,
    task: &Task,
    group: &Group,
    row: &instances::Instance,
    vm: &Vm,
    variables: &Variables,
    anew: bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    for left in disks::of_instance(pool, row.id).await? {
        if !*left.active {
            task.log(&format!("disk {} was left half made", left.disk_cid));
            let_go(engine, task, row, Some(vm), &left).await?;
        }
    }
    check(engine, task, row, vm).await?;
    let there = disks::of_instance(pool, row.id).await?;
    for wanted in &group.disks {
        let properties = variables.resolve_map(&wanted.cloud_properties).await?;
        let old = there.iter().find(|disk| disk.name == wanted.name);
        if let Some(old) = old {
            let same = !anew
                && u64::try_from(old.size).ok() == Some(wanted.size)
                && is_same(&old.cloud_properties, &properties);
            if same {
                continue;
            }
        }
        replace(engine, task, row, vm, wanted, properties, old).await?;
    }
    for gone in there
        .iter()
        .filter(|disk| !group.disks.iter().any(|wanted| wanted.name == disk.name))
    {
        let_go(engine, task, row, Some(vm), gone).await?;
    }
    Ok(())
}

fn is_same(old: &str, new: &Map<String, Value>) -> bool {
    let old: Value = serde_json::from_str(old).unwrap_or_default();
    warren_director_plan::json::sorted(&old)
        == warren_director_plan::json::sorted(&Value::Object(new.clone()))
}

/// What the agent has mounted must be what the rows say.
async fn check(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let mounted: Vec<String> = agent
        .run("list_disk", vec![], task)
        .await?
        .as_array()
        .map(|list| {
            list.iter()
                .filter_map(|cid| cid.as_str().map(ToOwned::to_owned))
                .collect()
        })
        .unwrap_or_default();
    for disk in disks::of_instance(engine.store.pool(), row.id).await? {
        if *disk.active && disk.name.is_empty() && !mounted.contains(&disk.disk_cid) {
            attach(engine, task, row, vm, &disk).await?;
            mount(engine, task, vm, &disk).await?;
        }
    }
    Ok(())
}

async fn replace(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
    wanted: &DiskWanted,
    properties: Map<String, Value>,
    old: Option<&Disk>,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let text = Value::Object(properties.clone()).to_string();
    if let Some(old) = old
        && grow(engine, task, row, vm, wanted, old, &properties).await?
    {
        return Ok(());
    }
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    let cid = vm.cid.clone().unwrap_or_default();
    let name = row.name();
    let begun = record(task, "create", None, &name, None).await?;
    let made = cpi.create_disk(wanted.size, properties, &cid).await;
    let (object, error) = match &made {
        Ok(cid) => (Some(cid.as_str()), None),
        Err(error) => (None, Some(error.to_string())),
    };
    finish(task, begun, "create", object, &name, error.as_deref()).await?;
    let made = made?;
    let new = New {
        instance_id: row.id,
        cid: &made,
        name: &wanted.name,
        size: i64::try_from(wanted.size).unwrap_or(i64::MAX),
        // The first disk counts at once; another one when it has what the old one had.
        active: old.is_none(),
        cloud_properties: &text,
        cpi: &vm.cpi,
    };
    let disk = disks::create(pool, &new).await?;
    let ready = async {
        attach(engine, task, row, vm, &disk).await?;
        if disk.name.is_empty() {
            mount(engine, task, vm, &disk).await?;
            if let Some(old) = old {
                let agent = engine.bus.agent(&vm.agent_id);
                let arguments = vec![json!(old.disk_cid), json!(disk.disk_cid)];
                agent.run("migrate_disk", arguments, task).await?;
            }
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = ready.await {
        // The old disk still has everything.
        if let Err(second) = let_go(engine, task, row, Some(vm), &disk).await {
            task.log(&second.story());
        }
        return Err(error);
    }
    if let Some(old) = old {
        disks::set_active(pool, disk.id, true).await?;
        disks::set_active(pool, old.id, false).await?;
        let_go(engine, task, row, Some(vm), old).await?;
    }
    Ok(())
}

/// Lets the CPI make a disk larger, if it can and nothing else changes; the answer is whether it did.
async fn grow(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
    wanted: &DiskWanted,
    old: &Disk,
    properties: &Map<String, Value>,
) -> Result<bool, Error> {
    let grows = u64::try_from(old.size).is_ok_and(|size| size < wanted.size);
    if !engine.config.resize_disks || !grows || !is_same(&old.cloud_properties, properties) {
        return Ok(false);
    }
    detach(engine, task, vm, old).await?;
    let resized = engine
        .cpi_named(task, &old.cpi)
        .await?
        .resize_disk(&old.disk_cid, wanted.size)
        .await;
    let done = match resized {
        Ok(()) => {
            let size = i64::try_from(wanted.size).unwrap_or(i64::MAX);
            disks::set_shape(
                engine.store.pool(),
                old.id,
                &old.disk_cid,
                size,
                &old.cloud_properties,
            )
            .await?;
            true
        }
        Err(error) if error.is_unsupported() => false,
        Err(error) => return Err(error.into()),
    };
    attach(engine, task, row, vm, old).await?;
    if old.name.is_empty() {
        mount(engine, task, vm, old).await?;
    }
    Ok(done)
}

/// Attaches the disks of an instance to a machine that is new.
pub async fn attach_all(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
) -> Result<(), Error> {
    for disk in disks::of_instance(engine.store.pool(), row.id).await? {
        if *disk.active {
            attach(engine, task, row, vm, &disk).await?;
            if disk.name.is_empty() {
                mount(engine, task, vm, &disk).await?;
            }
        }
    }
    Ok(())
}

/// Attaches one disk to a machine, and mounts it unless a job does that.
pub async fn attach_one(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
    disk: &Disk,
) -> Result<(), Error> {
    attach(engine, task, row, vm, disk).await?;
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
    for disk in disks::of_instance(engine.store.pool(), row.id).await? {
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
    row: &instances::Instance,
    vm: &Vm,
    disk: &Disk,
) -> Result<(), Error> {
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
    let mut metadata = Map::new();
    let deployment = task.deployment.clone().unwrap_or_default();
    for (key, value) in [
        ("director", engine.config.name.clone()),
        ("deployment", deployment),
        ("instance_id", row.uuid.clone()),
        ("instance_index", row.index_number.to_string()),
        ("instance_group", row.job.clone()),
    ] {
        metadata.insert(key.to_owned(), json!(value));
    }
    cpi.set_disk_metadata(&disk.disk_cid, metadata).await?;
    Ok(())
}

async fn mount(engine: &Engine, task: &Task, vm: &Vm, disk: &Disk) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    agent
        .run("mount_disk", vec![json!(disk.disk_cid)], task)
        .await?;
    Ok(())
}

async fn detach(engine: &Engine, task: &Task, vm: &Vm, disk: &Disk) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    if disk.name.is_empty() {
        let mounted = agent.run("list_disk", vec![], task).await?;
        let is_mounted = mounted.as_array().is_some_and(|list| {
            list.iter()
                .any(|cid| cid.as_str() == Some(disk.disk_cid.as_str()))
        });
        if is_mounted {
            agent
                .run("unmount_disk", vec![json!(disk.disk_cid)], task)
                .await?;
        }
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

async fn detach_from_cpi(engine: &Engine, task: &Task, vm: &Vm, disk: &Disk) -> Result<(), Error> {
    use warren_director_cpi::ErrorKind;
    let Some(cid) = &vm.cid else { return Ok(()) };
    let cpi = engine.cpi_named(task, &disk.cpi).await?;
    lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
        match cpi
            .detach_disk(cid, &disk.disk_cid, vm.stemcell_api_version)
            .await
        {
            // A disk may never have been attached, or not be any more since somebody was killed who was
            // about to let the machine go; a machine that is gone has none.
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::VmNotFound | ErrorKind::DiskNotAttached)
                ) =>
            {
                Ok(())
            }
            done => Ok(done?),
        }
    })
    .await
}

/// Takes a disk from its machine and keeps it for a while.
pub async fn let_go(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: Option<&Vm>,
    disk: &Disk,
) -> Result<(), Error> {
    if let Some(vm) = vm {
        detach(engine, task, vm, disk).await?;
    }
    orphan(engine, task, row, disk).await
}

/// Lets a disk go that the infrastructure does not have any more: what can be undone in its machine is.
pub async fn drop_missing(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: Option<&Vm>,
    disk: &Disk,
) -> Result<(), Error> {
    use warren_director_cpi::ErrorKind;
    disks::set_active(engine.store.pool(), disk.id, false).await?;
    if let Some(vm) = vm
        && let Some(cid) = &vm.cid
    {
        let agent = engine.bus.agent(&vm.agent_id);
        let unmounted = async {
            let mounted = agent.run("list_disk", vec![], task).await?;
            let mut mounted = mounted.as_array().into_iter().flatten();
            if mounted.any(|cid| cid.as_str() == Some(disk.disk_cid.as_str())) {
                let arguments = vec![json!(disk.disk_cid)];
                agent.run("unmount_disk", arguments, task).await?;
            }
            Ok(())
        };
        match unmounted.await {
            // One that hangs on the missing disk is not waited for.
            Err(warren_director_bus::Error::Timeout { .. }) => {
                task.log("the agent does not answer: the disk is not unmounted");
            }
            done => done?,
        }
        let cpi = engine.cpi_named(task, &disk.cpi).await?;
        match cpi
            .detach_disk(cid, &disk.disk_cid, vm.stemcell_api_version)
            .await
        {
            Err(error)
                if matches!(
                    error.kind(),
                    Some(
                        ErrorKind::DiskNotAttached
                            | ErrorKind::DiskNotFound
                            | ErrorKind::VmNotFound
                    )
                ) => {}
            done => done?,
        }
    }
    orphan(engine, task, row, disk).await
}

/// Keeps a disk for a while that no machine has.
pub async fn orphan(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    disk: &Disk,
) -> Result<(), Error> {
    let name = row.name();
    let begun = record(task, "orphan", Some(&disk.disk_cid), &name, None).await?;
    let mut tx = engine.store.begin().await?;
    let deployment = task.deployment.clone().unwrap_or_default();
    disks::orphan(
        &mut tx,
        disk,
        row.availability_zone.as_deref(),
        &deployment,
        &name,
    )
    .await?;
    commit(tx).await?;
    finish(task, begun, "orphan", Some(&disk.disk_cid), &name, None).await
}

/// Commits a transaction.
pub async fn commit(tx: warren_director_store::Transaction) -> Result<(), Error> {
    tx.commit()
        .await
        .map_err(|error| Error::other("commit a change", error))
}

async fn record(
    task: &Task,
    action: &str,
    cid: Option<&str>,
    instance: &str,
    parent: Option<i64>,
) -> Result<i64, Error> {
    task.event(Event {
        parent,
        action,
        object_type: "disk",
        object_name: cid,
        instance: Some(instance),
        ..Event::default()
    })
    .await
}

async fn finish(
    task: &Task,
    parent: i64,
    action: &str,
    cid: Option<&str>,
    instance: &str,
    error: Option<&str>,
) -> Result<(), Error> {
    task.event(Event {
        parent: Some(parent),
        action,
        object_type: "disk",
        object_name: cid,
        error,
        instance: Some(instance),
        ..Event::default()
    })
    .await
    .map(drop)
}
