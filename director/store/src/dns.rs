//! Names of instances: the numbers that names carry, records, and which agent has which version.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Store, Transaction, now};

/// What a short name gives a number to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoded<'a> {
    /// An availability zone.
    Az(&'a str),
    /// A network.
    Network(&'a str),
    /// A group of instances of a deployment: an instance group or a link.
    Group {
        /// `instance-group` or `link`.
        kind: &'a str,
        /// The group's name, or `LINK-TYPE`.
        name: &'a str,
        /// The deployment's key.
        deployment_id: i64,
    },
}

/// The number of something in short names; given now if it has none.
///
/// # Errors
/// What the database said.
pub async fn encode<'c>(db: impl Db<'c>, what: Encoded<'_>) -> Result<i64, Error> {
    let query = match what {
        Encoded::Az(name) => sqlx::query_scalar(
            "INSERT INTO local_dns_encoded_azs (name) VALUES ($1) \
             ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(name),
        Encoded::Network(name) => sqlx::query_scalar(
            "INSERT INTO local_dns_encoded_networks (name) VALUES ($1) \
             ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(name),
        Encoded::Group {
            kind,
            name,
            deployment_id,
        } => sqlx::query_scalar(
            "INSERT INTO local_dns_encoded_groups (type, name, deployment_id) \
             VALUES ($1, $2, $3) ON CONFLICT (type, name, deployment_id) \
             DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(kind)
        .bind(name)
        .bind(deployment_id),
    };
    query.fetch_one(db).await.during("number a name")
}

/// A name of an instance on a network.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Record {
    /// Key; the highest is the version of all records.
    pub id: i64,
    /// The address, or `UUID-tombstone` for one that only raises the version.
    pub ip: String,
    /// Where it is.
    pub az: Option<String>,
    /// Its group.
    pub instance_group: Option<String>,
    /// On which network.
    pub network: Option<String>,
    /// The deployment's name.
    pub deployment: Option<String>,
    /// Whose name it is.
    pub instance_id: Option<i64>,
    /// Its agent.
    pub agent_id: Option<String>,
    /// The root domain.
    pub domain: Option<String>,
    /// The links that it provides, JSON `[{"name","type"}]`.
    pub links: String,
}

/// All records in the order of their keys, tombstones included.
///
/// # Errors
/// What the database said.
pub async fn records<'c>(db: impl Db<'c>) -> Result<Vec<Record>, Error> {
    sqlx::query_as(
        "SELECT id, ip, az, instance_group, network, deployment, instance_id, agent_id, domain, \
         links FROM local_dns_records ORDER BY id",
    )
    .fetch_all(db)
    .await
    .during("list names")
}

/// Begins a transaction in which nobody else changes records. So keys are seen in their order: whoever
/// has seen the highest has seen all.
///
/// # Errors
/// What the database said.
pub async fn begin(store: &Store) -> Result<Transaction, Error> {
    // It keeps no reader waiting.
    let lock = "LOCK TABLE local_dns_records IN SHARE ROW EXCLUSIVE MODE";
    store.begin_alone(lock).await
}

/// Adds a record; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn add_record<'c>(db: impl Db<'c>, record: &Record) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO local_dns_records (ip, az, instance_group, network, deployment, \
         instance_id, agent_id, domain, links) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         RETURNING id",
    )
    .bind(&record.ip)
    .bind(&record.az)
    .bind(&record.instance_group)
    .bind(&record.network)
    .bind(&record.deployment)
    .bind(record.instance_id)
    .bind(&record.agent_id)
    .bind(&record.domain)
    .bind(&record.links)
    .fetch_one(db)
    .await
    .during("add a name")
}

/// Removes records by key.
///
/// # Errors
/// What the database said.
pub async fn delete_record<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM local_dns_records WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("remove a name")?;
    Ok(())
}

/// Raises the version of the records when some were only removed.
///
/// # Errors
/// What the database said.
pub async fn add_tombstone<'c>(db: impl Db<'c>) -> Result<(), Error> {
    sqlx::query("INSERT INTO local_dns_records (ip) VALUES ($1)")
        .bind(format!("{}-tombstone", crate::uuid::new()))
        .execute(db)
        .await
        .during("raise the version of the names")?;
    Ok(())
}

/// Removes all tombstones but the newest; the answer is how many these were.
///
/// # Errors
/// What the database said.
pub async fn delete_tombstones<'c>(db: impl Db<'c>) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM local_dns_records WHERE ip LIKE '%-tombstone' AND id < \
         (SELECT MAX(id) FROM local_dns_records WHERE ip LIKE '%-tombstone')",
    )
    .execute(db)
    .await
    .during("remove old tombstones")?;
    Ok(done.rows_affected())
}

/// A published version of all names.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Published {
    /// Key, which is the version that agents are told.
    pub id: i64,
    /// Where it is; empty while it is being made.
    pub blobstore_id: String,
    /// Its digest.
    pub sha1: String,
    /// The highest key of a record in it.
    pub records_version: i64,
    /// The version of the aliases in it.
    pub aliases_version: i64,
    /// Unix time.
    pub created_at: i64,
}

/// The newest published version.
///
/// # Errors
/// What the database said.
pub async fn latest<'c>(db: impl Db<'c>) -> Result<Option<Published>, Error> {
    sqlx::query_as(
        "SELECT id, blobstore_id, sha1, records_version, aliases_version, created_at \
         FROM local_dns_blobs \
         WHERE blobstore_id <> '' ORDER BY id DESC LIMIT 1",
    )
    .fetch_optional(db)
    .await
    .during("find the newest names")
}

/// All published versions, newest first.
///
/// # Errors
/// What the database said.
pub async fn published<'c>(db: impl Db<'c>) -> Result<Vec<Published>, Error> {
    sqlx::query_as(
        "SELECT id, blobstore_id, sha1, records_version, aliases_version, created_at \
         FROM local_dns_blobs \
         ORDER BY id DESC",
    )
    .fetch_all(db)
    .await
    .during("list published names")
}

/// Begins a version, whose number its document carries; the answer is the number.
///
/// # Errors
/// What the database said.
pub async fn begin_version<'c>(
    db: impl Db<'c>,
    records_version: i64,
    aliases_version: i64,
) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO local_dns_blobs (blobstore_id, sha1, records_version, aliases_version, \
         created_at) VALUES ('', '', $1, $2, $3) RETURNING id",
    )
    .bind(records_version)
    .bind(aliases_version)
    .bind(now())
    .fetch_one(db)
    .await
    .during("begin a version of the names")
}

/// Says where a version is.
///
/// # Errors
/// What the database said.
pub async fn publish<'c>(db: impl Db<'c>, id: i64, blob: &str, digest: &str) -> Result<(), Error> {
    sqlx::query("UPDATE local_dns_blobs SET blobstore_id = $2, sha1 = $3 WHERE id = $1")
        .bind(id)
        .bind(blob)
        .bind(digest)
        .execute(db)
        .await
        .during("publish the names")?;
    Ok(())
}

/// Forgets a published version.
///
/// # Errors
/// What the database said.
pub async fn forget_version<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM local_dns_blobs WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a version of the names")?;
    Ok(())
}

/// Remembers which version an agent has.
///
/// # Errors
/// What the database said.
pub async fn set_agent_version<'c>(
    db: impl Db<'c>,
    agent_id: &str,
    version: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO agent_dns_versions (agent_id, dns_version) VALUES ($1, $2) \
         ON CONFLICT (agent_id) DO UPDATE SET dns_version = excluded.dns_version",
    )
    .bind(agent_id)
    .bind(version)
    .execute(db)
    .await
    .during("remember an agent's version of the names")?;
    Ok(())
}

/// Agents of active machines with an older version than this.
///
/// # Errors
/// What the database said.
pub async fn stale_agents<'c>(db: impl Db<'c>, version: i64) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT vms.agent_id FROM vms JOIN instances ON instances.id = vms.instance_id \
         LEFT JOIN agent_dns_versions ON agent_dns_versions.agent_id = vms.agent_id \
         WHERE vms.active = 1 AND vms.cid IS NOT NULL AND compilation = 0 \
         AND COALESCE(dns_version, 0) < $1 ORDER BY vms.id",
    )
    .bind(version)
    .fetch_all(db)
    .await
    .during("list agents with old names")
}
