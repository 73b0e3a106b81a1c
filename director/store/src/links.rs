//! Links: who provides what, who consumes it, and what came of it.
//!
//! ```text
//! provider ── provider intent ──┐
//! (a job, a disk)  (what it      ├── link ── instances that were rendered with it
//! consumer ── consumer intent ──┘
//! ```
//!
//! Rows of an older serial than their deployment's are of an earlier deploy and count no more.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Flag, now};

/// Who provides or consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party<'a> {
    /// Whose it is.
    pub deployment_id: i64,
    /// `job`, `disk`, `variable`, `external` or `manual`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its instance group; empty if it has none.
    pub instance_group: &'a str,
    /// Of which deploy.
    pub serial_id: i64,
}

/// What somebody provides.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Provided {
    /// Key of the intent.
    pub id: i64,
    /// Whose deployment it is.
    pub deployment: String,
    /// The kind of owner.
    pub owner_type: String,
    /// The owner's name.
    pub owner_name: String,
    /// The owner's group.
    pub instance_group: String,
    /// Its name in the job.
    pub original_name: String,
    /// The link's type.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// Its name in the manifest.
    pub name: Option<String>,
    /// Whether other deployments may use it.
    #[sqlx(try_from = "i64")]
    pub shared: Flag,
    /// Whether anybody may.
    #[sqlx(try_from = "i64")]
    pub consumable: Flag,
    /// JSON.
    pub content: Option<String>,
}

/// What somebody consumes.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Consumed {
    /// Key of the intent.
    pub id: i64,
    /// Whose deployment it is.
    pub deployment: String,
    /// The kind of owner.
    pub owner_type: String,
    /// The owner's name.
    pub owner_name: String,
    /// The owner's group.
    pub instance_group: String,
    /// Its name in the job.
    pub original_name: String,
    /// The link's type.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// The name that the manifest asks for.
    pub name: Option<String>,
    /// Whether it may be missing.
    #[sqlx(try_from = "i64")]
    pub optional: Flag,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Link {
    /// Key.
    pub id: i64,
    /// Who consumes it.
    pub link_consumer_intent_id: i64,
    /// Who provides it; `None` for one written by hand.
    pub link_provider_intent_id: Option<i64>,
    /// Its name in the consumer.
    pub name: String,
    /// JSON.
    pub content: String,
    /// Unix time.
    pub created_at: i64,
}

/// Adds a provider, or renews its serial; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn put_provider<'c>(db: impl Db<'c>, party: &Party<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO link_providers (deployment_id, type, name, instance_group, serial_id) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (deployment_id, instance_group, name, type) \
         DO UPDATE SET serial_id = excluded.serial_id RETURNING id",
    )
    .bind(party.deployment_id)
    .bind(party.kind)
    .bind(party.name)
    .bind(party.instance_group)
    .bind(party.serial_id)
    .fetch_one(db)
    .await
    .during("save who provides a link")
}

/// Adds a consumer, or renews its serial; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn put_consumer<'c>(db: impl Db<'c>, party: &Party<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO link_consumers (deployment_id, type, name, instance_group, serial_id) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (deployment_id, instance_group, name, type) \
         DO UPDATE SET serial_id = excluded.serial_id RETURNING id",
    )
    .bind(party.deployment_id)
    .bind(party.kind)
    .bind(party.name)
    .bind(party.instance_group)
    .bind(party.serial_id)
    .fetch_one(db)
    .await
    .during("save who consumes a link")
}

/// What a provider offers.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    /// The provider's key.
    pub provider: i64,
    /// Its name in the job.
    pub original_name: &'a str,
    /// The link's type.
    pub kind: &'a str,
    /// Its name in the manifest.
    pub name: Option<&'a str>,
    /// Whether other deployments may use it.
    pub shared: bool,
    /// Whether anybody may.
    pub consumable: bool,
    /// JSON.
    pub content: Option<&'a str>,
    /// JSON.
    pub metadata: Option<&'a str>,
    /// Of which deploy.
    pub serial_id: i64,
}

/// Adds what a provider offers, or replaces it; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn put_offer<'c>(db: impl Db<'c>, offer: &Offer<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO link_provider_intents (link_provider_id, original_name, type, name, shared, \
         consumable, content, metadata, serial_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (link_provider_id, original_name, type) DO UPDATE SET name = excluded.name, \
         shared = excluded.shared, consumable = excluded.consumable, content = excluded.content, \
         metadata = excluded.metadata, serial_id = excluded.serial_id RETURNING id",
    )
    .bind(offer.provider)
    .bind(offer.original_name)
    .bind(offer.kind)
    .bind(offer.name)
    .bind(i64::from(offer.shared))
    .bind(i64::from(offer.consumable))
    .bind(offer.content)
    .bind(offer.metadata)
    .bind(offer.serial_id)
    .fetch_one(db)
    .await
    .during("save what is provided")
}

/// What a consumer wants.
#[derive(Debug, Clone)]
pub struct Want<'a> {
    /// The consumer's key.
    pub consumer: i64,
    /// Its name in the job.
    pub original_name: &'a str,
    /// The link's type.
    pub kind: &'a str,
    /// The name that the manifest asks for.
    pub name: Option<&'a str>,
    /// Whether it may be missing.
    pub optional: bool,
    /// Whether the manifest says it shall be missing.
    pub blocked: bool,
    /// JSON.
    pub metadata: Option<&'a str>,
    /// Of which deploy.
    pub serial_id: i64,
}

/// Adds what a consumer wants, or replaces it; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn put_want<'c>(db: impl Db<'c>, want: &Want<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO link_consumer_intents (link_consumer_id, original_name, type, name, \
         optional, blocked, metadata, serial_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (link_consumer_id, original_name, type) DO UPDATE SET name = excluded.name, \
         optional = excluded.optional, blocked = excluded.blocked, metadata = excluded.metadata, \
         serial_id = excluded.serial_id RETURNING id",
    )
    .bind(want.consumer)
    .bind(want.original_name)
    .bind(want.kind)
    .bind(want.name)
    .bind(i64::from(want.optional))
    .bind(i64::from(want.blocked))
    .bind(want.metadata)
    .bind(want.serial_id)
    .fetch_one(db)
    .await
    .during("save what is consumed")
}

/// Adds a link unless the newest of its consumer says the same; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn put(
    connection: &mut crate::Connection,
    want: i64,
    offer: Option<i64>,
    name: &str,
    content: &str,
) -> Result<i64, Error> {
    let newest: Option<Link> = sqlx::query_as(
        "SELECT id, link_consumer_intent_id, link_provider_intent_id, name, content, created_at \
         FROM links WHERE link_consumer_intent_id = $1 ORDER BY id DESC LIMIT 1",
    )
    .bind(want)
    .fetch_optional(&mut *connection)
    .await
    .during("find a link")?;
    if let Some(link) = newest
        && link.content == content
        && link.link_provider_intent_id == offer
    {
        return Ok(link.id);
    }
    sqlx::query_scalar(
        "INSERT INTO links (link_consumer_intent_id, link_provider_intent_id, name, content, \
         created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(want)
    .bind(offer)
    .bind(name)
    .bind(content)
    .bind(now())
    .fetch_one(connection)
    .await
    .during("save a link")
}

/// What is provided now; by one deployment, or by all.
///
/// # Errors
/// What the database said.
pub async fn provided<'c>(
    db: impl Db<'c>,
    deployment: Option<&str>,
) -> Result<Vec<Provided>, Error> {
    sqlx::query_as(
        "SELECT link_provider_intents.id, deployments.name AS deployment, \
         link_providers.type AS owner_type, link_providers.name AS owner_name, instance_group, \
         original_name, link_provider_intents.type, link_provider_intents.name, shared, \
         consumable, content FROM link_provider_intents \
         JOIN link_providers ON link_providers.id = link_provider_id \
         JOIN deployments ON deployments.id = deployment_id \
         AND deployments.links_serial_id = link_provider_intents.serial_id \
         WHERE deployments.name = $1 OR $2 = 1 ORDER BY link_provider_intents.id",
    )
    .bind(deployment.unwrap_or_default())
    .bind(i64::from(deployment.is_none()))
    .fetch_all(db)
    .await
    .during("list what is provided")
}

/// What a deployment consumes now, and what others consume of it from outside.
///
/// # Errors
/// What the database said.
pub async fn consumed<'c>(db: impl Db<'c>, deployment: &str) -> Result<Vec<Consumed>, Error> {
    sqlx::query_as(
        "SELECT link_consumer_intents.id, deployments.name AS deployment, \
         link_consumers.type AS owner_type, link_consumers.name AS owner_name, instance_group, \
         original_name, link_consumer_intents.type, link_consumer_intents.name, optional \
         FROM link_consumer_intents JOIN link_consumers ON link_consumers.id = link_consumer_id \
         JOIN deployments ON deployments.id = deployment_id \
         AND (deployments.links_serial_id = link_consumer_intents.serial_id \
         OR link_consumers.type = 'external') \
         WHERE deployments.name = $1 ORDER BY link_consumer_intents.id",
    )
    .bind(deployment)
    .fetch_all(db)
    .await
    .during("list what is consumed")
}

/// The links of a deployment's consumers, and of those outside.
///
/// # Errors
/// What the database said.
pub async fn of_deployment<'c>(db: impl Db<'c>, deployment: &str) -> Result<Vec<Link>, Error> {
    sqlx::query_as(
        "SELECT links.id, link_consumer_intent_id, link_provider_intent_id, links.name, content, \
         links.created_at FROM links \
         JOIN link_consumer_intents ON link_consumer_intents.id = link_consumer_intent_id \
         JOIN link_consumers ON link_consumers.id = link_consumer_id \
         JOIN deployments ON deployments.id = deployment_id \
         AND (deployments.links_serial_id = link_consumer_intents.serial_id \
         OR link_consumers.type = 'external') \
         WHERE deployments.name = $1 ORDER BY links.id",
    )
    .bind(deployment)
    .fetch_all(db)
    .await
    .during("list links")
}

/// The links that an instance was last rendered with, with their owners' names.
///
/// # Errors
/// What the database said.
pub async fn of_instance<'c>(
    db: impl Db<'c>,
    instance_id: i64,
) -> Result<Vec<(String, String, String)>, Error> {
    sqlx::query_as(
        "SELECT link_consumers.name, links.name, content FROM links \
         JOIN instances_links ON link_id = links.id \
         JOIN link_consumer_intents ON link_consumer_intents.id = link_consumer_intent_id \
         JOIN link_consumers ON link_consumers.id = link_consumer_id \
         WHERE instance_id = $1 ORDER BY links.id",
    )
    .bind(instance_id)
    .fetch_all(db)
    .await
    .during("list the links of an instance")
}

/// Sets the links that an instance is rendered with.
///
/// # Errors
/// What the database said.
pub async fn set_of_instance(
    connection: &mut crate::Connection,
    instance_id: i64,
    links: &[i64],
    serial_id: i64,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM instances_links WHERE instance_id = $1")
        .bind(instance_id)
        .execute(&mut *connection)
        .await
        .during("forget the links of an instance")?;
    for link in links {
        sqlx::query(
            "INSERT INTO instances_links (instance_id, link_id, serial_id) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind(instance_id)
        .bind(link)
        .bind(serial_id)
        .execute(&mut *connection)
        .await
        .during("save the links of an instance")?;
    }
    Ok(())
}

/// Removes what an earlier deploy left of a deployment and no instance needs.
///
/// # Errors
/// What the database said.
pub async fn clean_up(
    connection: &mut crate::Connection,
    deployment_id: i64,
    serial_id: i64,
) -> Result<(), Error> {
    for statement in [
        "DELETE FROM links WHERE id NOT IN (SELECT link_id FROM instances_links) \
         AND link_consumer_intent_id IN (SELECT link_consumer_intents.id \
         FROM link_consumer_intents JOIN link_consumers ON link_consumers.id = link_consumer_id \
         WHERE deployment_id = $1 AND link_consumers.type <> 'external' \
         AND link_consumer_intents.serial_id <> $2)",
        "DELETE FROM link_consumers WHERE deployment_id = $1 AND serial_id <> $2 \
         AND type <> 'external' AND id NOT IN (SELECT link_consumer_id \
         FROM link_consumer_intents JOIN links ON link_consumer_intent_id = \
         link_consumer_intents.id)",
        "DELETE FROM link_providers WHERE deployment_id = $1 AND serial_id <> $2",
    ] {
        sqlx::query(statement)
            .bind(deployment_id)
            .bind(serial_id)
            .execute(&mut *connection)
            .await
            .during("remove links that are not used")?;
    }
    Ok(())
}
