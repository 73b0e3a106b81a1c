//! `delete vm CID`: the machine goes, its instance stays; one that nobody knows is asked of the CPI.

use warren_director_store::{instances, vms};

use crate::cpis::Cpis;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, lock, vm};

/// Deletes a machine.
pub async fn run(engine: &Engine, task: &Task, cid: &str) -> Result<String, Error> {
    let stage = Stage::new(task, "Delete VM", 1, &[]);
    stage.run(cid, |_| delete(engine, task, cid)).await?;
    Ok(format!("vm {cid} deleted"))
}

async fn delete(engine: &Engine, task: &Task, cid: &str) -> Result<(), Error> {
    let pool = engine.store.pool();
    if let Some(row) = vms::with_cid(pool, cid).await? {
        let instance = instances::find(pool, row.instance_id).await?;
        let name = instance.map(|row| row.name()).unwrap_or_default();
        return vm::delete(engine, task, &row, &name).await;
    }
    let cpis = Cpis::read(engine, task).await?;
    let names = cpis.names();
    let [name] = names.as_slice() else {
        // On another of them something else may have the id.
        return Err(Error::refused(
            100,
            format!(
                "No machine is known by the id '{cid}', and of the CPIs {} any may have it",
                names.join(", ")
            ),
        ));
    };
    let cpi = cpis.get(name)?;
    lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
        Ok(cpi.delete_vm(cid, None).await?)
    })
    .await
}
