//! What is about to be made, so that none of it is lost with a worker that dies meanwhile: disks, machines and
//! stemcells of CPIs, blobs of agents.
//!
//! ```text
//! intent (row) ── made, under the intent's name ── its own row and no intent: one transaction
//!    └─ worker dies, database refuses ─► who comes next for the same owner, or the schedule of old
//!                                        disks: is it there? ── yes ─► deleted
//!                                                            └─ no ─► forgotten in an hour
//! ```
//!
//! A CPI's process outlives its director, so that something may come to be a while after it was looked for: that
//! is why one that is not there is looked for again. Only Warren's own CPI takes the name; another one gives its
//! own, does not know ours, and is asked in vain. For a stemcell no CPI can be asked: it is deleted, be it there
//! or not, each time for that hour.

use warren_director_cpi::{Cpi, Error as CpiError};
use warren_director_store::intents::{self, Intent, Kind, New};
use warren_director_store::{now, uuid};

use crate::{Engine, Error, Task};

/// For how long a CPI or an agent may be at work with nobody to tell, in seconds.
const LONGEST: i64 = 3600;

/// Writes down that something is about to be made; the answer is the name that it shall have. What was left
/// of earlier ones for the same owner goes first: nobody else makes any for it now.
pub(crate) async fn announce(
    engine: &Engine,
    task: &Task,
    kind: Kind,
    cpi: &str,
    owner: &str,
) -> Result<String, Error> {
    let left = intents::of_owner(engine.store.pool(), owner).await?;
    settle_all(engine, task, &left).await?;
    let cid = uuid::new();
    let new = New {
        cid: &cid,
        kind,
        cpi,
        owner,
        task_id: task.id,
    };
    intents::create(engine.store.pool(), &new).await?;
    Ok(cid)
}

/// Deletes a disk whose row could not be added; what does not succeed is tried again by a [`sweep`].
pub(crate) async fn undo(engine: &Engine, task: &Task, cpi: &Cpi, intent: &str, cid: &str) {
    let undone = async {
        cpi.delete_disk(cid).await?;
        Ok::<(), Error>(intents::delete(engine.store.pool(), intent).await?)
    };
    if let Err(error) = undone.await {
        task.log(&format!("disk {cid} of nobody: {}", error.story()));
    }
}

/// Deletes what was left of tasks that are over.
pub(crate) async fn sweep(engine: &Engine, task: &Task) -> Result<(), Error> {
    let left = intents::left(engine.store.pool()).await?;
    settle_all(engine, task, &left).await
}

async fn settle_all(engine: &Engine, task: &Task, all: &[Intent]) -> Result<(), Error> {
    for left in all {
        task.check()?;
        // It must not keep others from theirs.
        if let Err(error) = settle(engine, task, left).await {
            let (kind, cid) = (left.kind.word(), &left.cid);
            task.log(&format!("{kind} {cid} of nobody: {}", error.story()));
        }
    }
    Ok(())
}

async fn settle(engine: &Engine, task: &Task, left: &Intent) -> Result<(), Error> {
    let pool = engine.store.pool();
    let is_old = left.created_at + LONGEST < now();
    match remove(engine, task, left).await {
        Ok(true) => {
            let (kind, cid, owner) = (left.kind.word(), &left.cid, &left.owner);
            task.log(&format!(
                "{kind} {cid} was made for {owner} by somebody who died: deleted"
            ));
        }
        // Also one whose CPI is not configured any more.
        Ok(false) | Err(_) if is_old => {}
        Ok(false) => return Ok(()),
        Err(error) => return Err(error),
    }
    Ok(intents::delete(pool, &left.cid).await?)
}

/// Deletes it if it is there; the answer is whether it was.
async fn remove(engine: &Engine, task: &Task, left: &Intent) -> Result<bool, Error> {
    if left.kind == Kind::Blob {
        return Ok(engine.blobs.delete(&left.cid).await?);
    }
    let cpi = engine.cpi_named(task, &left.cpi).await?;
    Ok(of_cpi(&cpi, left).await?)
}

async fn of_cpi(cpi: &Cpi, left: &Intent) -> Result<bool, CpiError> {
    let cid = &left.cid;
    let is_there = match left.kind {
        Kind::Disk => cpi.has_disk(cid).await?,
        Kind::Vm => cpi.has_vm(cid).await?,
        Kind::Stemcell | Kind::Blob => None,
    };
    match (left.kind, is_there == Some(true)) {
        (Kind::Disk, true) => cpi.delete_disk(cid).await?,
        (Kind::Vm, true) => cpi.delete_vm(cid, None).await?,
        (Kind::Stemcell, _) => cpi.delete_stemcell(cid).await?,
        (Kind::Disk | Kind::Vm | Kind::Blob, _) => {}
    }
    Ok(is_there == Some(true))
}
