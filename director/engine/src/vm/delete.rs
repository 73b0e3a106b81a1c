//! The end of a machine.

use warren_director_store::vms::{self, Vm};
use warren_director_store::{Flag, agent_tasks, intents, ips};

use crate::task::Event;
use crate::{Engine, Error, Task, agent_task, lock, lost};

/// Deletes a machine and its row; its addresses stay with the instance.
///
/// One whose director died while it was made may have no id in its row, and be there all the same: the CPI
/// or its agent tells it ([`lost`]).
pub async fn delete(engine: &Engine, task: &Task, vm: &Vm, instance: &str) -> Result<(), Error> {
    let Some(cid) = lost::id_of(engine, task, vm).await? else {
        return remove(engine, task, vm, instance).await;
    };
    let mut found = vm.clone();
    found.cid = Some(cid);
    vms::save(engine.store.pool(), &found).await?;
    remove(engine, task, &found, instance).await?;
    for asked in intents::of_owner(engine.store.pool(), &vm.agent_id).await? {
        if found.cid.as_ref() == Some(&asked.cid) {
            intents::delete(engine.store.pool(), &asked.cid).await?;
        }
    }
    Ok(())
}

/// From its beginning the machine does not count any more: whatever cuts this off, the next deploy makes
/// another, and deletes what is left of this one first.
pub(super) async fn remove(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    instance: &str,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    if *vm.active || *vm.spare {
        let mut going = vm.clone();
        (going.active, going.spare) = (Flag(false), Flag(false));
        vms::save(pool, &going).await?;
    }
    if let Some(cid) = &vm.cid {
        agent_task::drop_blobs(engine, task, &vm.agent_id).await?;
        let begun = task
            .event(Event {
                action: "delete",
                object_type: "vm",
                object_name: Some(cid),
                instance: Some(instance),
                ..Event::default()
            })
            .await?;
        let cpi = engine.cpi_named(task, &vm.cpi).await?;
        let done = lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
            Ok(cpi.delete_vm(cid, vm.stemcell_api_version).await?)
        })
        .await;
        let error = done.as_ref().err().map(Error::story);
        task.event(Event {
            parent: Some(begun),
            action: "delete",
            object_type: "vm",
            object_name: Some(cid),
            error: error.as_deref(),
            instance: Some(instance),
            ..Event::default()
        })
        .await?;
        done?;
    }
    ips::unbind_vm(pool, vm.id).await?;
    agent_tasks::forget(pool, &vm.agent_id).await?;
    vms::delete(pool, vm.id).await?;
    engine.write_users().await
}
