//! What persistent disks held at some time.
//!
//! ```text
//! snapshot ── its disk is orphaned ──► orphan snapshot ── the disk is attached again ──► snapshot
//! ```

use sqlx::{AssertSqlSafe, FromRow};

use crate::error::During;
use crate::{Connection, Db, Error, Flag, now};

/// A snapshot with whose it is.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Snapshot {
    /// Key.
    pub id: i64,
    /// Whose it is.
    pub instance_id: i64,
    /// Of which disk.
    pub persistent_disk_id: i64,
    /// What the CPI calls it.
    pub snapshot_cid: String,
    /// Whether the jobs had been stopped.
    #[sqlx(try_from = "i64")]
    pub clean: Flag,
    /// Unix time.
    pub created_at: i64,
    /// The CPI that made the disk.
    pub cpi: String,
}

/// The snapshots of a deployment, oldest first.
///
/// # Errors
/// What the database said.
pub async fn of_deployment<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
) -> Result<Vec<Snapshot>, Error> {
    sqlx::query_as(
        "SELECT snapshots.id, instance_id, persistent_disk_id, snapshot_cid, clean, \
         snapshots.created_at, cpi FROM snapshots \
         JOIN persistent_disks ON persistent_disks.id = persistent_disk_id \
         JOIN instances ON instances.id = instance_id WHERE deployment_id = $1 \
         ORDER BY snapshots.id",
    )
    .bind(deployment_id)
    .fetch_all(db)
    .await
    .during("list the snapshots of a deployment")
}

/// Adds a snapshot.
///
/// # Errors
/// What the database said; a CPI that gives the same id twice is a duplicate.
pub async fn create<'c>(
    db: impl Db<'c>,
    persistent_disk_id: i64,
    cid: &str,
    clean: bool,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO snapshots (persistent_disk_id, snapshot_cid, clean, created_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(persistent_disk_id)
    .bind(cid)
    .bind(i64::from(clean))
    .bind(now())
    .execute(db)
    .await
    .during("add a snapshot")?;
    Ok(())
}

/// Forgets a snapshot.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM snapshots WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a snapshot")?;
    Ok(())
}

/// Keeps the snapshots of a disk that is orphaned.
///
/// # Errors
/// What the database said.
pub async fn orphan(
    connection: &mut Connection,
    persistent_disk_id: i64,
    orphan_disk_id: i64,
) -> Result<(), Error> {
    let step = "keep the snapshots of a disk";
    let (from, to) = ((OWNED, persistent_disk_id), (ORPHANED, orphan_disk_id));
    give(connection, from, to, step).await
}

/// Gives the snapshots of an orphaned disk to the disk that it has become again.
///
/// # Errors
/// What the database said.
pub async fn adopt(
    connection: &mut Connection,
    orphan_disk_id: i64,
    persistent_disk_id: i64,
) -> Result<(), Error> {
    let step = "take back the snapshots of a disk";
    let (from, to) = ((ORPHANED, orphan_disk_id), (OWNED, persistent_disk_id));
    give(connection, from, to, step).await
}

/// A table of snapshots, and its column that says of which disk.
type Table = (&'static str, &'static str);

const OWNED: Table = ("snapshots", "persistent_disk_id");
const ORPHANED: Table = ("orphan_snapshots", "orphan_disk_id");

/// Moves the snapshots of a disk of one table to a disk of the other.
async fn give(
    connection: &mut Connection,
    ((table, column), id): (Table, i64),
    ((to, of), disk): (Table, i64),
    step: &'static str,
) -> Result<(), Error> {
    let insert = format!(
        "INSERT INTO {to} ({of}, snapshot_cid, clean, created_at) \
         SELECT CAST($2 AS BIGINT), snapshot_cid, clean, created_at FROM {table} \
         WHERE {column} = $1"
    );
    sqlx::query(AssertSqlSafe(insert))
        .bind(id)
        .bind(disk)
        .execute(&mut *connection)
        .await
        .during(step)?;
    sqlx::query(AssertSqlSafe(format!(
        "DELETE FROM {table} WHERE {column} = $1"
    )))
    .bind(id)
    .execute(connection)
    .await
    .during(step)?;
    Ok(())
}

/// Keys and CPI's ids of the snapshots of an orphaned disk.
///
/// # Errors
/// What the database said.
pub async fn of_orphan<'c>(
    db: impl Db<'c>,
    orphan_disk_id: i64,
) -> Result<Vec<(i64, String)>, Error> {
    sqlx::query_as(
        "SELECT id, snapshot_cid FROM orphan_snapshots WHERE orphan_disk_id = $1 ORDER BY id",
    )
    .bind(orphan_disk_id)
    .fetch_all(db)
    .await
    .during("list the snapshots of an orphaned disk")
}

/// Forgets a snapshot of an orphaned disk.
///
/// # Errors
/// What the database said.
pub async fn delete_orphan<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM orphan_snapshots WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget the snapshot of an orphaned disk")?;
    Ok(())
}
