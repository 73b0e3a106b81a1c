//! A machine takes another's place.
//!
//! ```text
//! spare: made, answers, has its packages
//! old:   jobs end ── disks off ──┬── one transaction ──┬── told to end ── deleted by the schedule
//!                                │ spare ──► active    │
//!                                │ old ────► orphan,   └── new: disks on ── settings ── jobs
//!                                │           with its addresses
//! ```
//!
//! Who is killed before the transaction has stopped jobs of a machine that still counts; the next deploy
//! goes the same way once more, with the same spare. After it the new machine counts, and is updated
//! like one whose update broke off. An old machine that was not told to end is deleted all the same.
//! Source: reference of the deploy engine, section 15.

use warren_director_store::instances::Instance;
use warren_director_store::vms::{self, Vm};
use warren_director_store::{Flag, agent_tasks, ips, orphaned_vms};

use crate::task::Event;
use crate::{Engine, Error, Task, agent_task, disks, vm};

/// The machine that waits to take the place of an instance's own: the newest.
///
/// # Errors
/// Code 100 if somebody has deleted it meanwhile.
pub(crate) async fn spare(engine: &Engine, row: &Instance) -> Result<Vm, Error> {
    let all = vms::of_instance(engine.store.pool(), row.id).await?;
    all.into_iter().rfind(|vm| *vm.spare).ok_or_else(|| {
        let name = row.name();
        let what = format!(
            "The machine that was to take the place of that of {name} is gone: deploy again"
        );
        Error::refused(100, what)
    })
}

/// Puts a machine in the place of an old one, from which disks are off already.
pub(crate) async fn take_place(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    old: &Vm,
    new: Vm,
) -> Result<Vm, Error> {
    orphan(engine, task, row, old, Some(count(new.clone()))).await?;
    Ok(count(new))
}

/// Puts a machine in the place of an old one whose agent does not answer, so that nobody can tell what it
/// still does: it is deleted first.
pub(crate) async fn take_place_of_silent(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    old: &Vm,
    new: Vm,
) -> Result<Vm, Error> {
    let pool = engine.store.pool();
    let mut addresses = ips::list(pool).await?;
    addresses.retain(|one| one.vm_id == Some(old.id));
    vm::delete(engine, task, old, &row.name()).await?;
    for one in addresses {
        ips::release(pool, one.id).await?;
    }
    let new = count(new);
    vms::save(pool, &new).await?;
    Ok(new)
}

/// Lets a machine go that waited to take a place, or that compiled: the schedule deletes it.
pub(crate) async fn let_go(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    spare: &Vm,
) -> Result<(), Error> {
    orphan(engine, task, row, spare, None).await
}

fn count(mut vm: Vm) -> Vm {
    (vm.active, vm.spare) = (Flag(true), Flag(false));
    vm
}

/// Makes an orphan of a machine, which `next` follows if there is one.
async fn orphan(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    old: &Vm,
    next: Option<Vm>,
) -> Result<(), Error> {
    let name = row.name();
    let event = Event {
        action: "orphan",
        object_type: "vm",
        object_name: old.cid.as_deref(),
        instance: Some(&name),
        ..Event::default()
    };
    let begun = task.event(event.clone()).await?;
    agent_task::drop_blobs(engine, task, &old.agent_id).await?;
    let done = move_rows(engine, task, row, old, next).await;
    let error = done.as_ref().err().map(Error::story);
    task.event(Event {
        parent: Some(begun),
        error: error.as_deref(),
        ..event
    })
    .await?;
    done?;
    // It is deleted whether it hears this or not.
    if let Err(error) = engine.bus.agent(&old.agent_id).tell("shutdown", vec![]) {
        task.log(&format!(
            "{name}: {} is not told to end: {}",
            old.cid.as_deref().unwrap_or_default(),
            warren_lib_errchain::chain(&error)
        ));
    }
    engine.write_users().await
}

async fn move_rows(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    old: &Vm,
    next: Option<Vm>,
) -> Result<(), Error> {
    let mut tx = engine.store.begin().await?;
    let deployment = task.deployment.clone().unwrap_or_default();
    let az = row.availability_zone.as_deref();
    let id = orphaned_vms::create(&mut *tx, old, az, &deployment, &row.name()).await?;
    ips::orphan(&mut *tx, old.id, id).await?;
    agent_tasks::forget(&mut *tx, &old.agent_id).await?;
    vms::delete(&mut *tx, old.id).await?;
    if let Some(next) = next {
        vms::save(&mut *tx, &next).await?;
    }
    disks::commit(tx).await
}
