//! Locks: rows that a task holds while it changes something.
//!
//! A lock lives for [`LIFE`] seconds unless it is renewed; one that is older belongs to nobody, but that of
//! a task which is going on: it is free when the task ends or is claimed again, and not before. So a worker that
//! did not run for a while, and goes on with its task, has all that it had, and clocks of machines decide
//! nothing. Names are the stock ones: `lock:deployment:NAME`, `lock:release:NAME`, `lock:stemcells:NAME:VERSION`,
//! `lock:compile:PACKAGE:OS/VERSION`, `lock:vm:CID`.

use std::time::Duration;

use sqlx::FromRow;
use tokio::time::{Instant, sleep};

use crate::error::During;
use crate::{Db, Error, Store, now, tasks, uuid};

/// How long a lock lives without being renewed, in seconds.
pub const LIFE: i64 = 90;

/// A lock that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Lock {
    /// `lock:KIND:NAME`.
    pub name: String,
    /// Its holder's secret.
    pub uid: String,
    /// Unix time at which it belongs to nobody.
    pub expired_at: i64,
    /// The task that holds it.
    pub task_id: Option<i64>,
}

/// Takes a lock, or waits until `patience` is over. The answer is the holder's secret.
///
/// # Errors
/// [`Error::Locked`], or what the database said.
pub async fn acquire(
    store: &Store,
    name: &str,
    task_id: Option<i64>,
    patience: Duration,
) -> Result<String, Error> {
    let uid = uuid::new();
    let end = Instant::now() + patience;
    loop {
        if try_acquire(store.pool(), name, &uid, task_id).await? {
            return Ok(uid);
        }
        if Instant::now() >= end {
            return Err(refusal(store, name, uid).await?);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn try_acquire<'c>(
    db: impl Db<'c>,
    name: &str,
    uid: &str,
    task_id: Option<i64>,
) -> Result<bool, Error> {
    // One statement, so that of two who want it at once one gets it, also if they are parts of one task.
    // What a task had when its worker died is given back when it is claimed again.
    let done = sqlx::query(
        "INSERT INTO locks (name, uid, expired_at, task_id) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET uid = excluded.uid, expired_at = excluded.expired_at, \
         task_id = excluded.task_id \
         WHERE locks.expired_at < $5 AND NOT EXISTS (SELECT 1 FROM tasks \
         WHERE tasks.id = locks.task_id AND tasks.state IN ('processing', 'cancelling'))",
    )
    .bind(name)
    .bind(uid)
    .bind(now() + LIFE)
    .bind(task_id)
    .bind(now())
    .execute(db)
    .await
    .during("take a lock")?;
    Ok(done.rows_affected() == 1)
}

async fn refusal(store: &Store, name: &str, uid: String) -> Result<Error, Error> {
    let held: Option<Lock> =
        sqlx::query_as("SELECT name, uid, expired_at, task_id FROM locks WHERE name = $1")
            .bind(name)
            .fetch_optional(store.pool())
            .await
            .during("find a lock")?;
    let task = match held.and_then(|lock| lock.task_id) {
        Some(id) => tasks::find(store.pool(), id).await?,
        None => None,
    };
    Ok(Error::Locked {
        name: name.to_owned(),
        uid,
        task: task
            .as_ref()
            .map_or_else(String::new, |task| task.id.to_string()),
        description: task.map_or_else(String::new, |task| task.description),
    })
}

/// Lets a lock live on; the answer is whether it was still held.
///
/// # Errors
/// What the database said.
pub async fn renew<'c>(db: impl Db<'c>, name: &str, uid: &str) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE locks SET expired_at = $3 WHERE name = $1 AND uid = $2")
        .bind(name)
        .bind(uid)
        .bind(now() + LIFE)
        .execute(db)
        .await
        .during("renew a lock")?;
    Ok(done.rows_affected() == 1)
}

/// Gives a lock back.
///
/// # Errors
/// What the database said.
pub async fn release<'c>(db: impl Db<'c>, name: &str, uid: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM locks WHERE name = $1 AND uid = $2")
        .bind(name)
        .bind(uid)
        .execute(db)
        .await
        .during("give a lock back")?;
    Ok(())
}

/// Gives back what a task holds that has ended, or of whose attempts the last one has: what it had when a
/// worker of it died.
///
/// # Errors
/// What the database said.
pub async fn release_all<'c>(db: impl Db<'c>, task_id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM locks WHERE task_id = $1")
        .bind(task_id)
        .execute(db)
        .await
        .during("give back the locks of a task")?;
    Ok(())
}

/// The locks that are held now, by name.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<Lock>, Error> {
    sqlx::query_as(
        "SELECT name, uid, expired_at, task_id FROM locks WHERE expired_at >= $1 ORDER BY name",
    )
    .bind(now())
    .fetch_all(db)
    .await
    .during("list locks")
}
