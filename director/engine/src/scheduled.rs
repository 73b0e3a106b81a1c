//! What is done from time to time: what nobody needs any more is deleted.
//!
//! One that fails does not keep others from being deleted; the task fails at its end, and the next one
//! tries again. Source: reference of the deploy engine, section 19.

use std::future::Future;

use warren_director_store::ips::Owner;
use warren_director_store::orphaned_vms::OrphanedVm;
use warren_director_store::work::{Scheduled, Work};
use warren_director_store::{
    Error as StoreError, Store, agent_tasks, disks, dns, events, intents, ips, now, orphaned_vms,
    tasks,
};

use crate::cpis::Cpis;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, agent_task, intent, jobs, lock};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Whether there is anything to do: without, no task is made of it.
///
/// # Errors
/// What the database said.
pub async fn has_work(store: &Store, wanted: Scheduled) -> Result<bool, StoreError> {
    let pool = store.pool();
    Ok(match wanted {
        Scheduled::OrphanedVms => !orphaned_vms::list(pool).await?.is_empty(),
        Scheduled::OrphanedDisks { max_age } => {
            !old_disks(store, max_age).await?.is_empty()
                || !intents::left(pool).await?.is_empty()
                || !agent_tasks::left(pool).await?.is_empty()
        }
        Scheduled::DnsBlobs { kept, max_age } => !old_names(store, kept, max_age).await?.is_empty(),
        Scheduled::DnsTombstones => {
            let all = dns::records(pool).await?;
            all.iter()
                .filter(|one| one.ip.ends_with("-tombstone"))
                .count()
                > 1
        }
        Scheduled::Events { kept } => events::count(pool).await? > i64::from(kept),
        Scheduled::Tasks { kept } => !tasks::crowded(pool, kept.into()).await?.is_empty(),
    })
}

/// Does it; the answer is the task's result.
///
/// # Errors
/// What could not be deleted, when all others are.
pub async fn run(engine: &Engine, task: &Task, wanted: Scheduled) -> Result<String, Error> {
    let pool = engine.store.pool();
    match wanted {
        Scheduled::OrphanedVms => machines(engine, task).await,
        Scheduled::OrphanedDisks { max_age } => old_disks_go(engine, task, max_age).await,
        Scheduled::DnsBlobs { kept, max_age } => names(engine, task, kept, max_age).await,
        Scheduled::DnsTombstones => {
            let gone = dns::delete_tombstones(pool).await?;
            Ok(format!("Deleted {gone} dns tombstone record(s)"))
        }
        Scheduled::Events { kept } => {
            let gone = events::forget_old(pool, kept.into()).await?;
            Ok(format!("Deleted {gone} event(s)"))
        }
        Scheduled::Tasks { kept } => old_tasks(engine, task, kept).await,
    }
}

/// Deletes all of something; the answer is how many went, and whether all did.
async fn each<T, F: Future<Output = Result<(), Error>>>(
    task: &Task,
    stage: &Stage,
    all: &[T],
    title: impl Fn(&T) -> String,
    delete: impl Fn(&T) -> F,
) -> Result<usize, Error> {
    let mut gone = 0;
    for one in all {
        task.check()?;
        let title = title(one);
        match stage.run(&title, |_| delete(one)).await {
            Ok(()) => gone += 1,
            Err(error @ Error::Cancelled { .. }) => return Err(error),
            Err(error) => task.log(&format!("{title}: {}", error.story())),
        }
    }
    Ok(gone)
}

/// The result of a task that should have deleted `all`.
fn summary(gone: usize, all: usize, what: &str) -> Result<String, Error> {
    let text = format!(
        "Deleted {gone} {what}. Failed to delete {} {what}.",
        all - gone
    );
    if gone == all {
        Ok(text)
    } else {
        Err(Error::refused(100, text))
    }
}

async fn machines(engine: &Engine, task: &Task) -> Result<String, Error> {
    let all = orphaned_vms::list(engine.store.pool()).await?;
    let cpis = Cpis::read(engine, task).await?;
    let stage = Stage::new(task, "Deleting orphaned vms", all.len(), &[]);
    let title = |one: &OrphanedVm| format!("Deleting orphaned vm {}", one.cid);
    let gone = each(task, &stage, &all, title, |one| {
        machine(engine, task, &cpis, one.clone())
    })
    .await?;
    engine.write_users().await?;
    summary(gone, all.len(), "orphaned vm(s)")
}

async fn machine(engine: &Engine, task: &Task, cpis: &Cpis, one: OrphanedVm) -> Result<(), Error> {
    let pool = engine.store.pool();
    let cpi = cpis.get(&one.cpi)?;
    let name = format!("lock:orphan_vm_cleanup:{}", one.cid);
    lock::with(task, &name, lock::PATIENCE, async {
        cpi.delete_vm(&one.cid, one.stemcell_api_version).await?;
        ips::release_all(pool, Owner::OrphanedVm(one.id)).await?;
        Ok(orphaned_vms::delete(pool, one.id).await?)
    })
    .await
}

async fn old_disks(store: &Store, max_age: u32) -> Result<Vec<disks::OrphanDisk>, StoreError> {
    let mut all = disks::orphans(store.pool()).await?;
    let before = now() - i64::from(max_age) * DAY;
    all.retain(|one| one.orphaned_at < before);
    Ok(all)
}

async fn old_disks_go(engine: &Engine, task: &Task, max_age: u32) -> Result<String, Error> {
    intent::sweep(engine, task).await?;
    agent_task::sweep(engine, task).await?;
    let all = old_disks(&engine.store, max_age).await?;
    let mut gone = 0;
    for one in &all {
        task.check()?;
        let work = Work::DeleteDisk {
            cid: one.disk_cid.clone(),
            orphan: false,
        };
        // The way of a client that asks for it, with its stage and its records; boxed because that way
        // leads here.
        match Box::pin(jobs::run(engine, task, work)).await {
            Ok(_) => gone += 1,
            Err(error @ Error::Cancelled { .. }) => return Err(error),
            Err(error) => task.log(&format!("{}: {}", one.disk_cid, error.story())),
        }
    }
    summary(gone, all.len(), "orphaned disk(s)")
}

/// Versions of names but the newest, and but those that are young.
async fn old_names(
    store: &Store,
    kept: u32,
    max_age: u32,
) -> Result<Vec<dns::Published>, StoreError> {
    let mut all = dns::published(store.pool()).await?;
    all.sort_by_key(|one| std::cmp::Reverse(one.id));
    let before = now() - i64::from(max_age);
    Ok(all
        .into_iter()
        .skip(usize::try_from(kept).unwrap_or(usize::MAX))
        .filter(|one| one.created_at < before)
        .collect())
}

async fn names(engine: &Engine, task: &Task, kept: u32, max_age: u32) -> Result<String, Error> {
    let all = old_names(&engine.store, kept, max_age).await?;
    let stage = Stage::new(task, "Deleting dns blobs", all.len(), &[]);
    let title = |one: &dns::Published| one.blobstore_id.clone();
    let gone = each(task, &stage, &all, title, |one| {
        let (id, blob) = (one.id, one.blobstore_id.clone());
        async move {
            // One that was begun and never published has no blob.
            if !blob.is_empty() {
                engine.blobs.delete(&blob).await?;
            }
            Ok(dns::forget_version(engine.store.pool(), id).await?)
        }
    })
    .await?;
    summary(gone, all.len(), "dns blob(s)")
}

async fn old_tasks(engine: &Engine, task: &Task, kept: u32) -> Result<String, Error> {
    let pool = engine.store.pool();
    let mut text = "Deleted tasks and logs for".to_owned();
    for kind in tasks::crowded(pool, kept.into()).await? {
        let mut gone = 0;
        for id in tasks::old(pool, &kind, kept.into()).await? {
            task.check()?;
            // The files first: a row without files is harmless, files without a row nobody finds.
            engine.outputs.delete(id)?;
            tasks::delete(pool, id).await?;
            gone += 1;
        }
        text.push_str(&format!("\n{gone} task(s) of type '{kind}'"));
    }
    Ok(text)
}
