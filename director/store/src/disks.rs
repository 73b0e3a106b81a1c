//! Persistent disks, and those that nobody needs any more.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Flag, now};

/// A disk of an instance.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Disk {
    /// Key.
    pub id: i64,
    /// Whose it is.
    pub instance_id: i64,
    /// What the CPI calls it.
    pub disk_cid: String,
    /// Empty for the one that the agent mounts.
    pub name: String,
    /// MiB.
    pub size: i64,
    /// Whether it is the one that counts; the other is being copied, or was left by a failure.
    #[sqlx(try_from = "i64")]
    pub active: Flag,
    /// What the CPI was given, JSON.
    pub cloud_properties: String,
    /// The CPI that made it.
    pub cpi: String,
}

/// The disks of all instances of a deployment.
///
/// # Errors
/// What the database said.
pub async fn of_deployment<'c>(db: impl Db<'c>, deployment_id: i64) -> Result<Vec<Disk>, Error> {
    sqlx::query_as(
        "SELECT persistent_disks.id, instance_id, disk_cid, name, size, active, \
         persistent_disks.cloud_properties, cpi FROM persistent_disks \
         JOIN instances ON instances.id = instance_id WHERE deployment_id = $1 \
         ORDER BY persistent_disks.id",
    )
    .bind(deployment_id)
    .fetch_all(db)
    .await
    .during("list the disks of a deployment")
}

/// The disks of an instance.
///
/// # Errors
/// What the database said.
pub async fn of_instance<'c>(db: impl Db<'c>, instance_id: i64) -> Result<Vec<Disk>, Error> {
    sqlx::query_as(
        "SELECT id, instance_id, disk_cid, name, size, active, cloud_properties, cpi \
         FROM persistent_disks WHERE instance_id = $1 ORDER BY id",
    )
    .bind(instance_id)
    .fetch_all(db)
    .await
    .during("list the disks of an instance")
}

/// The disk that a CPI calls `cid`.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, cid: &str) -> Result<Option<Disk>, Error> {
    sqlx::query_as(
        "SELECT id, instance_id, disk_cid, name, size, active, cloud_properties, cpi \
         FROM persistent_disks WHERE disk_cid = $1",
    )
    .bind(cid)
    .fetch_optional(db)
    .await
    .during("find a disk")
}

/// What a new disk is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Whose it is.
    pub instance_id: i64,
    /// What the CPI calls it.
    pub cid: &'a str,
    /// Empty for the one that the agent mounts.
    pub name: &'a str,
    /// MiB.
    pub size: i64,
    /// Whether it counts from now on.
    pub active: bool,
    /// What the CPI was given, JSON.
    pub cloud_properties: &'a str,
    /// The CPI that made it.
    pub cpi: &'a str,
}

/// Adds a disk; the answer is its row.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<Disk, Error> {
    sqlx::query_as(
        "INSERT INTO persistent_disks (instance_id, disk_cid, name, size, active, \
         cloud_properties, cpi) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         RETURNING id, instance_id, disk_cid, name, size, active, cloud_properties, cpi",
    )
    .bind(new.instance_id)
    .bind(new.cid)
    .bind(new.name)
    .bind(new.size)
    .bind(i64::from(new.active))
    .bind(new.cloud_properties)
    .bind(new.cpi)
    .fetch_one(db)
    .await
    .during("add a disk")
}

/// Says whether a disk is the one that counts.
///
/// # Errors
/// What the database said.
pub async fn set_active<'c>(db: impl Db<'c>, id: i64, active: bool) -> Result<(), Error> {
    sqlx::query("UPDATE persistent_disks SET active = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::from(active))
        .execute(db)
        .await
        .during("change a disk")?;
    Ok(())
}

/// Sets what a disk has become after the CPI changed it.
///
/// # Errors
/// What the database said.
pub async fn set_shape<'c>(
    db: impl Db<'c>,
    id: i64,
    cid: &str,
    size: i64,
    cloud_properties: &str,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE persistent_disks SET disk_cid = $2, size = $3, cloud_properties = $4 WHERE id = $1",
    )
    .bind(id)
    .bind(cid)
    .bind(size)
    .bind(cloud_properties)
    .execute(db)
    .await
    .during("change a disk")?;
    Ok(())
}

/// Forgets a disk.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM persistent_disks WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a disk")?;
    Ok(())
}

/// A disk that nobody needs, kept for a while.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OrphanDisk {
    /// Key.
    pub id: i64,
    /// What the CPI calls it.
    pub disk_cid: String,
    /// MiB.
    pub size: i64,
    /// Where it is.
    pub availability_zone: Option<String>,
    /// Whose it was.
    pub deployment_name: String,
    /// Whose it was.
    pub instance_name: String,
    /// What the CPI was given, JSON.
    pub cloud_properties: String,
    /// The CPI that made it.
    pub cpi: String,
    /// Unix time.
    pub orphaned_at: i64,
}

/// All orphaned disks, newest first.
///
/// # Errors
/// What the database said.
pub async fn orphans<'c>(db: impl Db<'c>) -> Result<Vec<OrphanDisk>, Error> {
    sqlx::query_as(
        "SELECT id, disk_cid, size, availability_zone, deployment_name, instance_name, \
         cloud_properties, cpi, orphaned_at FROM orphan_disks ORDER BY orphaned_at DESC, id DESC",
    )
    .fetch_all(db)
    .await
    .during("list orphaned disks")
}

/// Makes a disk an orphan, with its snapshots.
///
/// # Errors
/// What the database said.
pub async fn orphan(
    connection: &mut crate::Connection,
    disk: &Disk,
    availability_zone: Option<&str>,
    deployment_name: &str,
    instance_name: &str,
) -> Result<(), Error> {
    let orphan: i64 = sqlx::query_scalar(
        "INSERT INTO orphan_disks (disk_cid, size, availability_zone, deployment_name, \
         instance_name, cloud_properties, cpi, orphaned_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
    )
    .bind(&disk.disk_cid)
    .bind(disk.size)
    .bind(availability_zone)
    .bind(deployment_name)
    .bind(instance_name)
    .bind(&disk.cloud_properties)
    .bind(&disk.cpi)
    .bind(now())
    .fetch_one(&mut *connection)
    .await
    .during("orphan a disk")?;
    crate::snapshots::orphan(connection, disk.id, orphan).await?;
    delete(connection, disk.id).await
}

/// Forgets an orphaned disk.
///
/// # Errors
/// What the database said.
pub async fn delete_orphan<'c>(db: impl Db<'c>, cid: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM orphan_disks WHERE disk_cid = $1")
        .bind(cid)
        .execute(db)
        .await
        .during("forget an orphaned disk")?;
    Ok(())
}
