//! Links of consumers that are no deployment's: made and removed by requests, not by deploys.

use sqlx::FromRow;

use crate::error::During;
use crate::links::{Link, Provided};
use crate::{Db, Error};

/// A provider's intent, with the deploy that it is of.
///
/// # Errors
/// What the database said.
pub async fn offer<'c>(db: impl Db<'c>, id: i64) -> Result<Option<(Provided, i64)>, Error> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        provided: Provided,
        serial_id: i64,
    }
    let found: Option<Row> = sqlx::query_as(
        "SELECT link_provider_intents.id, deployments.name AS deployment, \
         link_providers.type AS owner_type, link_providers.name AS owner_name, instance_group, \
         original_name, link_provider_intents.type, link_provider_intents.name, shared, \
         consumable, content, link_provider_intents.serial_id FROM link_provider_intents \
         JOIN link_providers ON link_providers.id = link_provider_id \
         JOIN deployments ON deployments.id = deployment_id WHERE link_provider_intents.id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .during("find what is provided")?;
    Ok(found.map(|row| (row.provided, row.serial_id)))
}

/// A link, with the kind of who consumes it.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, id: i64) -> Result<Option<(Link, String)>, Error> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        link: Link,
        owner_type: String,
    }
    let found: Option<Row> = sqlx::query_as(
        "SELECT links.id, link_consumer_intent_id, link_provider_intent_id, links.name, content, \
         links.created_at, link_consumers.type AS owner_type FROM links \
         JOIN link_consumer_intents ON link_consumer_intents.id = link_consumer_intent_id \
         JOIN link_consumers ON link_consumers.id = link_consumer_id WHERE links.id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .during("find a link")?;
    Ok(found.map(|row| (row.link, row.owner_type)))
}

/// Removes a link of a consumer outside, and the consumer if it has no other.
///
/// # Errors
/// What the database said.
pub async fn delete_external(connection: &mut crate::Connection, link: &Link) -> Result<(), Error> {
    let step = "remove a link";
    sqlx::query("DELETE FROM links WHERE id = $1")
        .bind(link.id)
        .execute(&mut *connection)
        .await
        .during(step)?;
    sqlx::query(
        "DELETE FROM link_consumer_intents WHERE id = $1 \
         AND id NOT IN (SELECT link_consumer_intent_id FROM links)",
    )
    .bind(link.link_consumer_intent_id)
    .execute(&mut *connection)
    .await
    .during(step)?;
    sqlx::query(
        "DELETE FROM link_consumers WHERE type = 'external' \
         AND id NOT IN (SELECT link_consumer_id FROM link_consumer_intents)",
    )
    .execute(connection)
    .await
    .during(step)?;
    Ok(())
}
