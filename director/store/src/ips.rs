//! Addresses in use. An address is unique over the whole director, as in stock.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Flag, now};

/// An address in use.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct IpAddress {
    /// Key.
    pub id: i64,
    /// With its prefix, `10.0.0.5/32`.
    pub address: String,
    /// The network it was taken from.
    pub network_name: String,
    /// Whether the manifest names it.
    #[sqlx(try_from = "i64")]
    pub static_address: Flag,
    /// Which interface it belongs to.
    pub nic_group: Option<i64>,
    /// Whose it is.
    pub instance_id: Option<i64>,
    /// The machine that has it.
    pub vm_id: Option<i64>,
    /// The orphaned machine that still has it.
    pub orphaned_vm_id: Option<i64>,
}

/// All addresses in use.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<IpAddress>, Error> {
    sqlx::query_as(
        "SELECT id, address, network_name, static AS static_address, nic_group, instance_id, \
         vm_id, orphaned_vm_id FROM ip_addresses ORDER BY id",
    )
    .fetch_all(db)
    .await
    .during("list addresses")
}

/// The addresses of all instances of a deployment.
///
/// # Errors
/// What the database said.
pub async fn of_deployment<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
) -> Result<Vec<IpAddress>, Error> {
    sqlx::query_as(
        "SELECT ip_addresses.id, address, network_name, static AS static_address, nic_group, \
         instance_id, vm_id, orphaned_vm_id FROM ip_addresses \
         JOIN instances ON instances.id = instance_id WHERE deployment_id = $1 \
         ORDER BY ip_addresses.id",
    )
    .bind(deployment_id)
    .fetch_all(db)
    .await
    .during("list the addresses of a deployment")
}

/// What a new reservation is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// With its prefix.
    pub address: &'a str,
    /// The network it is taken from.
    pub network_name: &'a str,
    /// Whether the manifest names it.
    pub static_address: bool,
    /// Which interface it belongs to.
    pub nic_group: Option<i64>,
    /// Whose it is.
    pub instance_id: i64,
    /// The task that takes it.
    pub task_id: Option<i64>,
}

/// Reserves an address. An address that somebody has is an error for which
/// [`Error::is_duplicate`] is true.
///
/// # Errors
/// What the database said.
pub async fn reserve<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO ip_addresses (address, network_name, static, nic_group, instance_id, \
         task_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
    )
    .bind(new.address)
    .bind(new.network_name)
    .bind(i64::from(new.static_address))
    .bind(new.nic_group)
    .bind(new.instance_id)
    .bind(new.task_id)
    .bind(now())
    .fetch_one(db)
    .await
    .during("reserve an address")
}

/// Who has an address, as `instance 'GROUP/UUID' from deployment 'NAME'`.
///
/// # Errors
/// What the database said.
pub async fn owner<'c>(db: impl Db<'c>, address: &str) -> Result<Option<(String, String)>, Error> {
    sqlx::query_as(
        "SELECT instances.job || '/' || instances.uuid, deployments.name FROM ip_addresses \
         JOIN instances ON instances.id = ip_addresses.instance_id \
         JOIN deployments ON deployments.id = instances.deployment_id WHERE address = $1",
    )
    .bind(address)
    .fetch_optional(db)
    .await
    .during("find the owner of an address")
}

/// Gives all addresses of an instance to one of its machines, but for those of machines that wait to
/// take its place.
///
/// # Errors
/// What the database said.
pub async fn bind_to_vm<'c>(db: impl Db<'c>, instance_id: i64, vm_id: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE ip_addresses SET vm_id = $2 WHERE instance_id = $1 AND \
         (vm_id IS NULL OR vm_id NOT IN (SELECT id FROM vms WHERE spare = 1))",
    )
    .bind(instance_id)
    .bind(vm_id)
    .execute(db)
    .await
    .during("give addresses to a machine")?;
    Ok(())
}

/// Gives one address to a machine.
///
/// # Errors
/// What the database said.
pub async fn bind<'c>(db: impl Db<'c>, id: i64, vm_id: i64) -> Result<(), Error> {
    sqlx::query("UPDATE ip_addresses SET vm_id = $2 WHERE id = $1")
        .bind(id)
        .bind(vm_id)
        .execute(db)
        .await
        .during("give an address to a machine")?;
    Ok(())
}

/// Moves the addresses of a machine to the orphan that it becomes.
///
/// # Errors
/// What the database said.
pub async fn orphan<'c>(db: impl Db<'c>, vm_id: i64, orphaned_vm_id: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE ip_addresses SET orphaned_vm_id = $2, vm_id = NULL, instance_id = NULL \
         WHERE vm_id = $1",
    )
    .bind(vm_id)
    .bind(orphaned_vm_id)
    .execute(db)
    .await
    .during("leave addresses to an orphaned machine")?;
    Ok(())
}

/// Gives an address back.
///
/// # Errors
/// What the database said.
pub async fn release<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM ip_addresses WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("give an address back")?;
    Ok(())
}

/// Takes a machine off its addresses, which stay with the instance.
///
/// # Errors
/// What the database said.
pub async fn unbind_vm<'c>(db: impl Db<'c>, vm_id: i64) -> Result<(), Error> {
    sqlx::query("UPDATE ip_addresses SET vm_id = NULL WHERE vm_id = $1")
        .bind(vm_id)
        .execute(db)
        .await
        .during("take addresses from a machine")?;
    Ok(())
}

/// Gives back every address of an instance, or of an orphaned machine.
///
/// # Errors
/// What the database said.
pub async fn release_all<'c>(db: impl Db<'c>, whose: Owner) -> Result<(), Error> {
    let (statement, key) = match whose {
        Owner::Instance(id) => ("DELETE FROM ip_addresses WHERE instance_id = $1", id),
        Owner::OrphanedVm(id) => ("DELETE FROM ip_addresses WHERE orphaned_vm_id = $1", id),
        Owner::WithoutVm(id) => (
            "DELETE FROM ip_addresses WHERE vm_id IS NULL AND orphaned_vm_id IS NULL AND \
             instance_id IN (SELECT id FROM instances WHERE deployment_id = $1)",
            id,
        ),
    };
    sqlx::query(statement)
        .bind(key)
        .execute(db)
        .await
        .during("give addresses back")?;
    Ok(())
}

/// Whose addresses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// An instance, by key.
    Instance(i64),
    /// An orphaned machine, by key.
    OrphanedVm(i64),
    /// Those of a deployment that no machine has yet, after a plan has failed.
    WithoutVm(i64),
}
