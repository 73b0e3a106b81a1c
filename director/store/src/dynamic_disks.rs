//! Disks that requests make for jobs, outside of manifests.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error};

/// A dynamic disk.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DynamicDisk {
    /// Key.
    pub id: i64,
    /// Unique in the director.
    pub name: String,
    /// What the CPI calls it.
    pub disk_cid: String,
    /// Whose it is.
    pub deployment_id: i64,
    /// The deployment's name.
    pub deployment: String,
    /// The machine that has it.
    pub vm_id: Option<i64>,
    /// `GROUP/UUID` of the instance that has it.
    pub instance: Option<String>,
    /// Where it is.
    pub availability_zone: Option<String>,
    /// MiB.
    pub size: i64,
    /// The disk type of the cloud config that it was made of.
    pub disk_pool_name: String,
    /// The CPI that made it.
    pub cpi: String,
    /// What people see of it in the infrastructure, JSON.
    pub metadata: Option<String>,
    /// What its agent was told, JSON.
    pub disk_hint: Option<String>,
}

const SELECT: &str = "SELECT dynamic_disks.id, dynamic_disks.name, disk_cid, \
     dynamic_disks.deployment_id, deployments.name AS deployment, vm_id, \
     instances.job || '/' || instances.uuid AS instance, dynamic_disks.availability_zone, size, \
     disk_pool_name, dynamic_disks.cpi, metadata, disk_hint FROM dynamic_disks \
     JOIN deployments ON deployments.id = dynamic_disks.deployment_id \
     LEFT JOIN vms ON vms.id = vm_id LEFT JOIN instances ON instances.id = instance_id";

/// All dynamic disks by name.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<DynamicDisk>, Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} ORDER BY dynamic_disks.name"
    )))
    .fetch_all(db)
    .await
    .during("list dynamic disks")
}

/// The dynamic disk of a name.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, name: &str) -> Result<Option<DynamicDisk>, Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE dynamic_disks.name = $1"
    )))
    .bind(name)
    .fetch_optional(db)
    .await
    .during("find a dynamic disk")
}

/// What a new dynamic disk is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Unique in the director.
    pub name: &'a str,
    /// What the CPI calls it.
    pub cid: &'a str,
    /// Whose it is.
    pub deployment_id: i64,
    /// Where it is.
    pub availability_zone: Option<&'a str>,
    /// MiB.
    pub size: i64,
    /// The disk type of the cloud config.
    pub disk_pool_name: &'a str,
    /// The CPI that made it.
    pub cpi: &'a str,
}

/// Adds a dynamic disk that no machine has.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO dynamic_disks (name, disk_cid, deployment_id, availability_zone, size, \
         disk_pool_name, cpi) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.name)
    .bind(new.cid)
    .bind(new.deployment_id)
    .bind(new.availability_zone)
    .bind(new.size)
    .bind(new.disk_pool_name)
    .bind(new.cpi)
    .execute(db)
    .await
    .during("add a dynamic disk")?;
    Ok(())
}

/// Says which machine has a disk, and what its agent is told.
///
/// # Errors
/// What the database said.
pub async fn set_machine<'c>(
    db: impl Db<'c>,
    id: i64,
    machine: Option<(i64, &str)>,
) -> Result<(), Error> {
    sqlx::query("UPDATE dynamic_disks SET vm_id = $2, disk_hint = $3 WHERE id = $1")
        .bind(id)
        .bind(machine.map(|(vm, _)| vm))
        .bind(machine.map(|(_, hint)| hint))
        .execute(db)
        .await
        .during("say which machine has a dynamic disk")?;
    Ok(())
}

/// Says what people see of a disk.
///
/// # Errors
/// What the database said.
pub async fn set_metadata<'c>(db: impl Db<'c>, id: i64, metadata: &str) -> Result<(), Error> {
    sqlx::query("UPDATE dynamic_disks SET metadata = $2 WHERE id = $1")
        .bind(id)
        .bind(metadata)
        .execute(db)
        .await
        .during("describe a dynamic disk")?;
    Ok(())
}

/// Forgets a dynamic disk.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM dynamic_disks WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a dynamic disk")?;
    Ok(())
}
