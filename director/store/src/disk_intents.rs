//! Disks that a CPI is about to be asked for: written down before the call, and forgotten in the same
//! transaction that adds the disk's row, so that a disk of a worker that died can be found.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, now};

/// A disk that may exist.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DiskIntent {
    /// What the CPI was asked to call it.
    pub cid: String,
    /// Which CPI was asked.
    pub cpi: String,
    /// What it was to be for; for each of these nobody makes two disks at once.
    pub owner: String,
    /// Who wanted it.
    pub task_id: i64,
    /// Unix time.
    pub created_at: i64,
}

/// Writes down that a disk is about to be made.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(
    db: impl Db<'c>,
    cid: &str,
    cpi: &str,
    owner: &str,
    task_id: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO disk_intents (cid, cpi, owner, task_id, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(cid)
    .bind(cpi)
    .bind(owner)
    .bind(task_id)
    .bind(now())
    .execute(db)
    .await
    .during("write down a disk that is about to be made")?;
    Ok(())
}

/// Those of `owner`, for which nobody else makes any now, and those of tasks that are over.
///
/// # Errors
/// What the database said.
pub async fn left<'c>(db: impl Db<'c>, owner: Option<&str>) -> Result<Vec<DiskIntent>, Error> {
    sqlx::query_as(
        "SELECT cid, cpi, owner, task_id, created_at FROM disk_intents \
         WHERE owner = $1 OR task_id NOT IN (SELECT id FROM tasks \
         WHERE state IN ('queued', 'processing', 'cancelling')) ORDER BY created_at, cid",
    )
    .bind(owner.unwrap_or_default())
    .fetch_all(db)
    .await
    .during("list disks that were about to be made")
}

/// Forgets one: the disk has a row, or does not exist.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, cid: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM disk_intents WHERE cid = $1")
        .bind(cid)
        .execute(db)
        .await
        .during("forget a disk that was about to be made")?;
    Ok(())
}
