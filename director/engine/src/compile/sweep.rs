//! What an earlier attempt left: its machines, and what they made for nobody.

use warren_director_store::{instances, ips, vms};

use crate::{Engine, Error, Task, vm};

/// Forgets an instance that compiled, with its addresses.
pub(super) async fn forget(engine: &Engine, instance: i64) -> Result<(), Error> {
    let pool = engine.store.pool();
    ips::release_all(pool, ips::Owner::Instance(instance)).await?;
    instances::delete(pool, instance).await?;
    Ok(())
}

/// Deletes machines that an earlier attempt of this task left compiling; with `force` those that cannot be
/// deleted are forgotten.
pub async fn sweep(
    engine: &Engine,
    task: &Task,
    deployment_id: i64,
    force: bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    for instance in instances::of_deployment(pool, deployment_id).await? {
        if *instance.compilation {
            let name = instance.name();
            for row in vms::of_instance(pool, instance.id).await? {
                match vm::delete(engine, task, &row, &name).await {
                    Err(error) if force && !error.is_cancelled() => {
                        task.log(&format!("{name}: {}, which is ignored", error.story()));
                        ips::unbind_vm(pool, row.id).await?;
                        vms::delete(pool, row.id).await?;
                    }
                    done => done?,
                }
            }
            forget(engine, instance.id).await?;
        }
    }
    Ok(())
}
