//! Disks that are about to be made, so that none is lost with a worker that dies meanwhile.
//!
//! ```text
//! intent (row) ── CPI makes the disk, under the intent's name ── disk's row and no intent: one transaction
//!    └─ worker dies, database refuses ─► who comes next for the same owner, or the schedule of old
//!                                        disks: does the CPI have it? ── yes ─► deleted
//!                                                                      └─ no ─► forgotten in an hour
//! ```
//!
//! A CPI's process outlives its director, so a disk may come to be a while after it was looked for. Only
//! Warren's own CPI takes the name; another one gives its own, does not know ours, and is asked in vain.

use warren_director_cpi::Cpi;
use warren_director_store::disk_intents::{self, DiskIntent};
use warren_director_store::{now, uuid};

use crate::{Engine, Error, Task};

/// For how long a CPI may be at work with nobody to tell, in seconds.
const LONGEST: i64 = 3600;

/// Writes down that a disk is about to be made; the answer is the name that it shall have. What was left
/// of earlier disks for the same owner goes first: nobody else makes any for it now.
pub(crate) async fn announce(
    engine: &Engine,
    task: &Task,
    cpi: &str,
    owner: &str,
) -> Result<String, Error> {
    sweep(engine, task, Some(owner)).await?;
    let cid = uuid::new();
    disk_intents::create(engine.store.pool(), &cid, cpi, owner, task.id).await?;
    Ok(cid)
}

/// Deletes a disk whose row could not be added; what does not succeed is tried again by a [`sweep`].
pub(crate) async fn undo(engine: &Engine, task: &Task, cpi: &Cpi, intent: &str, cid: &str) {
    let undone = async {
        cpi.delete_disk(cid).await?;
        Ok::<(), Error>(disk_intents::delete(engine.store.pool(), intent).await?)
    };
    if let Err(error) = undone.await {
        task.log(&format!("disk {cid} of nobody: {}", error.story()));
    }
}

/// Deletes what was left of an owner's disks, and of those of tasks that are over.
pub(crate) async fn sweep(engine: &Engine, task: &Task, owner: Option<&str>) -> Result<(), Error> {
    for left in disk_intents::left(engine.store.pool(), owner).await? {
        task.check()?;
        // It must not keep others from their disks.
        if let Err(error) = settle(engine, task, &left).await {
            task.log(&format!("disk {} of nobody: {}", left.cid, error.story()));
        }
    }
    Ok(())
}

async fn settle(engine: &Engine, task: &Task, left: &DiskIntent) -> Result<(), Error> {
    let pool = engine.store.pool();
    let is_old = left.created_at + LONGEST < now();
    let cpi = match engine.cpi_named(task, &left.cpi).await {
        // One that is not configured any more.
        Err(_) if is_old => return Ok(disk_intents::delete(pool, &left.cid).await?),
        cpi => cpi?,
    };
    match cpi.has_disk(&left.cid).await {
        Ok(Some(true)) => {
            let (cid, owner) = (&left.cid, &left.owner);
            task.log(&format!(
                "disk {cid} was made for {owner} by somebody who died: deleted"
            ));
            cpi.delete_disk(cid).await?;
        }
        Ok(_) | Err(_) if is_old => {}
        Ok(_) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    Ok(disk_intents::delete(pool, &left.cid).await?)
}
