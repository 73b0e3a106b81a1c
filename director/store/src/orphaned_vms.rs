//! Machines whose place another has taken, until they are deleted.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, now};

/// A machine that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OrphanedVm {
    /// Key.
    pub id: i64,
    /// What the CPI calls it.
    pub cid: String,
    /// The CPI that made it.
    pub cpi: String,
    /// Where it is.
    pub availability_zone: Option<String>,
    /// What the CPI was given, JSON.
    pub cloud_properties: Option<String>,
    /// Whose it was.
    pub deployment_name: String,
    /// Whose it was.
    pub instance_name: String,
    /// What its agent understands.
    pub stemcell_api_version: Option<i64>,
    /// Unix time.
    pub orphaned_at: i64,
}

/// All of them, oldest first.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<OrphanedVm>, Error> {
    sqlx::query_as(
        "SELECT id, cid, cpi, availability_zone, cloud_properties, deployment_name, \
         instance_name, stemcell_api_version, orphaned_at FROM orphaned_vms ORDER BY id",
    )
    .fetch_all(db)
    .await
    .during("list orphaned machines")
}

/// Adds one; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(
    db: impl Db<'c>,
    vm: &crate::vms::Vm,
    availability_zone: Option<&str>,
    deployment_name: &str,
    instance_name: &str,
) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO orphaned_vms (cid, cpi, availability_zone, cloud_properties, \
         deployment_name, instance_name, stemcell_api_version, orphaned_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
    )
    .bind(&vm.cid)
    .bind(&vm.cpi)
    .bind(availability_zone)
    .bind(&vm.cloud_properties)
    .bind(deployment_name)
    .bind(instance_name)
    .bind(vm.stemcell_api_version)
    .bind(now())
    .fetch_one(db)
    .await
    .during("orphan a machine")
}

/// Forgets one.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM orphaned_vms WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget an orphaned machine")?;
    Ok(())
}
