//! What is about to be made, so that none of it is lost with a worker that dies meanwhile: disks, machines and
//! stemcells of CPIs, blobs of agents and of tasks.
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

use tokio::io::AsyncRead;
use warren_director_blobstore::Stored;
use warren_director_cpi::{Cpi, Error as CpiError};
use warren_director_store::intents::{self, Intent, Kind, New};
use warren_director_store::{Transaction, now, uuid};

use crate::cpis::Cpis;
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

/// Stores a blob for an owner: an intent until the caller has a row of it.
pub(crate) async fn store(
    engine: &Engine,
    task: &Task,
    owner: &str,
    from: impl AsyncRead + Unpin,
) -> Result<Stored, Error> {
    let id = announce(engine, task, Kind::Blob, "", owner).await?;
    Ok(engine.blobs.put(&id, from).await?)
}

/// Writes down, in the transaction that takes its row away, that a blob is nobody's any more: for [`discard`].
pub(crate) async fn disown(tx: &mut Transaction, task: &Task, blob: &str) -> Result<(), Error> {
    let new = New {
        cid: blob,
        kind: Kind::Blob,
        cpi: "",
        owner: "nobody",
        task_id: task.id,
    };
    Ok(intents::create(&mut **tx, &new).await?)
}

/// Deletes a blob that was disowned.
pub(crate) async fn discard(engine: &Engine, blob: &str) -> Result<(), Error> {
    engine.blobs.delete(blob).await?;
    Ok(intents::delete(engine.store.pool(), blob).await?)
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
    // Who cannot answer now is asked again, however old it is: a host may have been down for longer than that.
    if remove(engine, task, left).await? {
        let (kind, cid, owner) = (left.kind.word(), &left.cid, &left.owner);
        task.log(&format!(
            "{kind} {cid} was made for {owner} by somebody who died: deleted"
        ));
    } else if !is_old {
        return Ok(());
    }
    Ok(intents::delete(pool, &left.cid).await?)
}

/// Deletes it if it is there; the answer is whether it was.
async fn remove(engine: &Engine, task: &Task, left: &Intent) -> Result<bool, Error> {
    if left.kind == Kind::Blob {
        return Ok(engine.blobs.delete(&left.cid).await?);
    }
    // Of one that is not configured any more nobody can ask.
    match Cpis::read(engine, task).await?.get(&left.cpi) {
        Ok(cpi) => Ok(of_cpi(&cpi, left).await?),
        Err(_) => Ok(false),
    }
}

async fn of_cpi(cpi: &Cpi, left: &Intent) -> Result<bool, CpiError> {
    let cid = &left.cid;
    let is_there = match left.kind {
        Kind::Disk => is_known(cpi.has_disk(cid).await)?,
        Kind::Vm => is_known(cpi.has_vm(cid).await)?,
        Kind::Stemcell | Kind::Blob => false,
    };
    match (left.kind, is_there) {
        (Kind::Disk, true) => cpi.delete_disk(cid).await?,
        (Kind::Vm, true) => cpi.delete_vm(cid, None).await?,
        (Kind::Stemcell, _) => {
            let deleted = cpi.delete_stemcell(cid).await;
            is_known(deleted.map(|()| None))?;
        }
        (Kind::Disk | Kind::Vm | Kind::Blob, _) => {}
    }
    Ok(is_there)
}

/// Whether a CPI knows something. One that gives names itself may refuse one that is none of its own, each time.
pub(crate) fn is_known(answer: Result<Option<bool>, CpiError>) -> Result<bool, CpiError> {
    match answer {
        Err(error) if error.is_refusal() && !error.ok_to_retry() => Ok(false),
        answer => Ok(answer? == Some(true)),
    }
}
