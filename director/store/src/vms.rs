//! Machines of instances. An instance may have several while one takes another's place; one is active.
//!
//! ```text
//! row made (neither) ── agent answers ──► active ── another takes its place ──► orphaned_vms
//!                                └──────► spare ── takes a place ──► active
//! active or spare ── is being deleted (neither) ──► no row
//! ```

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Flag, now};

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Vm {
    /// Key.
    pub id: i64,
    /// Whose it is.
    pub instance_id: i64,
    /// Its agent on the bus.
    pub agent_id: String,
    /// What the CPI calls it; `None` until it is made.
    pub cid: Option<String>,
    /// The CPI that made it.
    pub cpi: String,
    /// Whether it is the one that counts.
    #[sqlx(try_from = "i64")]
    pub active: Flag,
    /// Whether it waits to take the place of the one that counts.
    #[sqlx(try_from = "i64")]
    pub spare: Flag,
    /// Unix time.
    pub created_at: i64,
    /// The stemcell it was made of.
    pub stemcell_name: Option<String>,
    /// Its version.
    pub stemcell_version: Option<String>,
    /// What its agent understands.
    pub stemcell_api_version: Option<i64>,
    /// The environment it was given, placeholders kept, JSON.
    pub env: Option<String>,
    /// What the CPI was given, placeholders kept, JSON.
    pub cloud_properties: Option<String>,
    /// The networks it was given, with the addresses that its agent has told, JSON.
    pub network_spec: Option<String>,
    /// Digest of the certificates that it trusts.
    pub trusted_certs_sha1: Option<String>,
    /// Digest of the blobstore's configuration that it has.
    pub blobstore_config_sha1: Option<String>,
    /// Digest of the bus's configuration that it has.
    pub nats_config_sha1: Option<String>,
    /// Whether it has changed to its lasting name on the bus.
    #[sqlx(try_from = "i64")]
    pub permanent_nats_credentials: Flag,
}

impl Vm {
    /// Addresses by network that are not the director's to give: of dynamic networks, as the machine's
    /// agent has told them.
    #[must_use]
    pub fn dynamic_addresses(&self) -> BTreeMap<String, String> {
        let told = self.network_spec.as_deref();
        let networks: BTreeMap<String, Value> = told
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let address = |(name, network): (String, Value)| {
            let text = |key: &str| network.get(key).and_then(Value::as_str);
            let ip = text("ip").filter(|ip| !ip.is_empty() && text("type") == Some("dynamic"))?;
            Some((name, ip.to_owned()))
        };
        networks.into_iter().filter_map(address).collect()
    }
}

/// The machines of all instances of a deployment.
///
/// # Errors
/// What the database said.
pub async fn of_deployment<'c>(db: impl Db<'c>, deployment_id: i64) -> Result<Vec<Vm>, Error> {
    sqlx::query_as(
        "SELECT vms.id, instance_id, agent_id, cid, cpi, active, spare, created_at, stemcell_name, \
         stemcell_version, stemcell_api_version, env, vms.cloud_properties, network_spec, \
         trusted_certs_sha1, blobstore_config_sha1, nats_config_sha1, permanent_nats_credentials \
         FROM vms JOIN instances ON instances.id = instance_id WHERE deployment_id = $1 \
         ORDER BY vms.id",
    )
    .bind(deployment_id)
    .fetch_all(db)
    .await
    .during("list the machines of a deployment")
}

/// The machines of an instance.
///
/// # Errors
/// What the database said.
pub async fn of_instance<'c>(db: impl Db<'c>, instance_id: i64) -> Result<Vec<Vm>, Error> {
    sqlx::query_as(
        "SELECT id, instance_id, agent_id, cid, cpi, active, spare, created_at, stemcell_name, \
         stemcell_version, stemcell_api_version, env, cloud_properties, network_spec, \
         trusted_certs_sha1, blobstore_config_sha1, nats_config_sha1, permanent_nats_credentials \
         FROM vms WHERE instance_id = $1 ORDER BY id",
    )
    .bind(instance_id)
    .fetch_all(db)
    .await
    .during("list the machines of an instance")
}

/// All machines of the director.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<Vm>, Error> {
    sqlx::query_as(
        "SELECT id, instance_id, agent_id, cid, cpi, active, spare, created_at, stemcell_name, \
         stemcell_version, stemcell_api_version, env, cloud_properties, network_spec, \
         trusted_certs_sha1, blobstore_config_sha1, nats_config_sha1, permanent_nats_credentials \
         FROM vms ORDER BY id",
    )
    .fetch_all(db)
    .await
    .during("list machines")
}

/// The machine that a CPI calls `cid`.
///
/// # Errors
/// What the database said.
pub async fn with_cid<'c>(db: impl Db<'c>, cid: &str) -> Result<Option<Vm>, Error> {
    sqlx::query_as(
        "SELECT id, instance_id, agent_id, cid, cpi, active, spare, created_at, stemcell_name, \
         stemcell_version, stemcell_api_version, env, cloud_properties, network_spec, \
         trusted_certs_sha1, blobstore_config_sha1, nats_config_sha1, permanent_nats_credentials \
         FROM vms WHERE cid = $1",
    )
    .bind(cid)
    .fetch_optional(db)
    .await
    .during("find a machine")
}

/// Adds a machine that is about to be made, so that a crash in between leaves a row to clean up by;
/// the answer is its row.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(
    db: impl Db<'c>,
    instance_id: i64,
    agent_id: &str,
    cpi: &str,
) -> Result<Vm, Error> {
    sqlx::query_as(
        "INSERT INTO vms (instance_id, agent_id, cpi, created_at) VALUES ($1, $2, $3, $4) \
         RETURNING id, instance_id, agent_id, cid, cpi, active, spare, created_at, stemcell_name, \
         stemcell_version, stemcell_api_version, env, cloud_properties, network_spec, \
         trusted_certs_sha1, blobstore_config_sha1, nats_config_sha1, permanent_nats_credentials",
    )
    .bind(instance_id)
    .bind(agent_id)
    .bind(cpi)
    .bind(now())
    .fetch_one(db)
    .await
    .during("add a machine")
}

/// Saves all that can change of a machine.
///
/// # Errors
/// What the database said.
pub async fn save<'c>(db: impl Db<'c>, vm: &Vm) -> Result<(), Error> {
    sqlx::query(
        "UPDATE vms SET cid = $2, active = $3, stemcell_name = $4, stemcell_version = $5, \
         stemcell_api_version = $6, env = $7, cloud_properties = $8, network_spec = $9, \
         trusted_certs_sha1 = $10, blobstore_config_sha1 = $11, nats_config_sha1 = $12, \
         permanent_nats_credentials = $13, spare = $14 WHERE id = $1",
    )
    .bind(vm.id)
    .bind(&vm.cid)
    .bind(i64::from(*vm.active))
    .bind(&vm.stemcell_name)
    .bind(&vm.stemcell_version)
    .bind(vm.stemcell_api_version)
    .bind(&vm.env)
    .bind(&vm.cloud_properties)
    .bind(&vm.network_spec)
    .bind(&vm.trusted_certs_sha1)
    .bind(&vm.blobstore_config_sha1)
    .bind(&vm.nats_config_sha1)
    .bind(i64::from(*vm.permanent_nats_credentials))
    .bind(i64::from(*vm.spare))
    .execute(db)
    .await
    .during("save a machine")?;
    Ok(())
}

/// Forgets a machine.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM vms WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a machine")?;
    Ok(())
}

/// Says which CPI a machine is of, after that got another name.
///
/// # Errors
/// What the database said.
pub async fn set_cpi<'c>(db: impl Db<'c>, id: i64, cpi: &str) -> Result<(), Error> {
    sqlx::query("UPDATE vms SET cpi = $2 WHERE id = $1")
        .bind(id)
        .bind(cpi)
        .execute(db)
        .await
        .during("say which CPI a machine is of")?;
    Ok(())
}
