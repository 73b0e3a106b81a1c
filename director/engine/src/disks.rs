//! Persistent disks: made, attached, filled from the old one, let go.
//!
//! ```text
//! create (row, not active) ── attach ── mount ── copy ── active ── old: unmount, detach, orphan
//! ```
//!
//! A crash in between leaves a row that is not active, which the next update removes. The disk without a
//! name is mounted by the agent, which knows therefore whether it is attached. Those with names are mounted
//! by jobs, and agents only link to them: whether one is attached nobody can tell, so that all of an
//! instance whose last update broke off, or that was stopped, are attached anew ([`How::attached`]), and
//! nothing detaches a disk before its instance is marked as broken off ([`begin`]). Source: reference of
//! the deploy engine, section 16.

mod attach;

use serde_json::{Map, Value, json};
use warren_director_store::disks::{self, Disk, New};
use warren_director_store::intents::Kind;
use warren_director_store::vms::Vm;
use warren_director_store::{instances, intents};

use crate::task::Event;
use crate::variables::Variables;
use crate::{Engine, Error, Task, intent};
use warren_director_plan::{DiskWanted, Group};

pub use attach::{attach, attach_all, attach_one, begin, detach_all};
use attach::{detach, mount};

/// Whose disks they are.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The instance.
    pub row: &'a instances::Instance,
    /// What its disks are tagged with.
    pub tags: &'a Map<String, Value>,
}

/// How disks are updated.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Whether they are replaced even if nothing about them changes.
    pub anew: bool,
    /// Whether those with names are known to be attached.
    pub attached: bool,
}

/// Names and ids of the disks of an instance that have names.
pub async fn named(engine: &Engine, instance: i64) -> Result<Vec<(String, String)>, Error> {
    let mut all = disks::of_instance(engine.store.pool(), instance).await?;
    all.retain(|disk| *disk.active && !disk.name.is_empty());
    let pair = |disk: Disk| (disk.name, disk.disk_cid);
    Ok(all.into_iter().map(pair).collect())
}

/// Makes an instance's disks as they are wanted; its machine answers, and its jobs do not run.
pub async fn update(
    engine: &Engine,
    task: &Task,
    group: &Group,
    row: &instances::Instance,
    vm: &Vm,
    variables: &Variables,
    how: How,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let tags = &group.tags;
    let owner = Owner { row, tags };
    heal(engine, task, row).await?;
    for left in disks::of_instance(pool, row.id).await? {
        if !*left.active {
            task.log(&format!("disk {} was left half made", left.disk_cid));
            let_go(engine, task, row, Some(vm), &left).await?;
        }
    }
    // After that: a migration that a killed director had begun goes on in the agent, and ends before what is
    // let go is unmounted.
    let mounted = mounted(engine, task, row, vm).await?;
    let there = disks::of_instance(pool, row.id).await?;
    for disk in &there {
        if disk.name.is_empty() && !mounted.contains(&disk.disk_cid) {
            attach_one(engine, task, owner, vm, disk).await?;
        }
    }
    for wanted in &group.disks {
        let properties = variables.resolve_map(&wanted.cloud_properties).await?;
        let old = there.iter().find(|disk| disk.name == wanted.name);
        if let Some(old) = old {
            let same = !how.anew
                && u64::try_from(old.size).ok() == Some(wanted.size)
                && is_same(&old.cloud_properties, &properties);
            if same {
                if !how.attached && !old.name.is_empty() {
                    detach(engine, task, vm, old).await?;
                    attach(engine, task, owner, vm, old).await?;
                }
                continue;
            }
        }
        replace(engine, task, owner, vm, wanted, properties, old).await?;
    }
    for gone in there
        .iter()
        .filter(|disk| !group.disks.iter().any(|wanted| wanted.name == disk.name))
    {
        let_go(engine, task, row, Some(vm), gone).await?;
    }
    Ok(())
}

/// Of two disks that count for the same, as a director that was killed used to leave them, only the newer
/// one does: it has what was copied from the older one.
async fn heal(engine: &Engine, task: &Task, row: &instances::Instance) -> Result<(), Error> {
    let pool = engine.store.pool();
    let mut all = disks::of_instance(pool, row.id).await?;
    all.retain(|disk| *disk.active);
    for (at, disk) in all.iter().enumerate() {
        if all[at + 1..].iter().any(|newer| newer.name == disk.name) {
            task.log(&format!("disk {} was copied already", disk.disk_cid));
            disks::set_active(pool, disk.id, false).await?;
        }
    }
    Ok(())
}

fn is_same(old: &str, new: &Map<String, Value>) -> bool {
    let old: Value = serde_json::from_str(old).unwrap_or_default();
    warren_director_plan::json::sorted(&old)
        == warren_director_plan::json::sorted(&Value::Object(new.clone()))
}

/// What the agent has mounted, which must be disks of the instance's: jobs would be started on another one,
/// or its content would come over theirs. One of theirs that is missing is mounted again by the caller.
async fn mounted(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    vm: &Vm,
) -> Result<Vec<String>, Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let listed = agent.run("list_disk", vec![], task).await?;
    let listed = listed.as_array().into_iter().flatten();
    let mounted: Vec<String> = listed
        .filter_map(|cid| cid.as_str().map(ToOwned::to_owned))
        .collect();
    let known = disks::of_instance(engine.store.pool(), row.id).await?;
    let is_known = |cid: &&String| known.iter().any(|disk| disk.disk_cid == **cid);
    let Some(strange) = mounted.iter().find(|cid| !is_known(cid)) else {
        return Ok(mounted);
    };
    let ours = known
        .iter()
        .find(|disk| *disk.active && disk.name.is_empty());
    Err(Error::refused(
        400_010,
        format!(
            "'{} ({})' has invalid disks: agent reports '{strange}' while director record shows '{}'. \
             Recreate the instance to have its own mounted, or give it this one with attach-disk",
            row.name(),
            row.index_number,
            ours.map_or("", |disk| disk.disk_cid.as_str()),
        ),
    ))
}

async fn replace(
    engine: &Engine,
    task: &Task,
    owner: Owner<'_>,
    vm: &Vm,
    wanted: &DiskWanted,
    properties: Map<String, Value>,
    old: Option<&Disk>,
) -> Result<(), Error> {
    let row = owner.row;
    let text = Value::Object(properties.clone()).to_string();
    if let Some(old) = old
        && grow(engine, task, owner, vm, wanted, old, &properties).await?
    {
        return Ok(());
    }
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    let cid = vm.cid.clone().unwrap_or_default();
    let name = row.name();
    let begun = record(task, "create", None, &name, None).await?;
    let intent = intent::announce(engine, task, Kind::Disk, &vm.cpi, &name).await?;
    let made = cpi
        .create_disk(wanted.size, properties, &cid, &intent)
        .await;
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
    let mut tx = engine.store.begin().await?;
    let added = async {
        intents::delete(&mut *tx, &intent).await?;
        disks::create(&mut *tx, &new).await
    };
    let disk = match added.await {
        Ok(disk) => disk,
        Err(error) => {
            drop(tx);
            intent::undo(engine, task, &cpi, &intent, &made).await;
            return Err(error.into());
        }
    };
    commit(tx).await?;
    let ready = async {
        attach(engine, task, owner, vm, &disk).await?;
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
        let mut tx = engine.store.begin().await?;
        disks::set_active(&mut *tx, old.id, false).await?;
        disks::set_active(&mut *tx, disk.id, true).await?;
        commit(tx).await?;
        let_go(engine, task, row, Some(vm), old).await?;
    }
    Ok(())
}

/// Lets the CPI make a disk larger, if it can and nothing else changes; the answer is whether it did.
async fn grow(
    engine: &Engine,
    task: &Task,
    owner: Owner<'_>,
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
    attach_one(engine, task, owner, vm, old).await?;
    Ok(done)
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
    disks::set_active(engine.store.pool(), disk.id, false).await?;
    if let Some(vm) = vm.filter(|vm| vm.cid.is_some()) {
        let agent = engine.bus.agent(&vm.agent_id);
        match attach::unmount(&agent, task, disk).await {
            // One that hangs on the missing disk is not waited for.
            Err(warren_director_bus::Error::Timeout { .. }) => {
                task.log("the agent does not answer: the disk is not unmounted");
            }
            done => done?,
        }
        attach::detach_from_cpi(engine, task, vm, disk).await?;
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
