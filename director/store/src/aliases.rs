//! Aliases of links: names of manifests' choice that name servers know beside those of instances.
//!
//! As with records, the highest key is the version of all of them; a row without a deployment (a
//! *tombstone*) raises it when aliases only go.

use sqlx::FromRow;

use crate::error::During;
use crate::{Connection, Db, Error, uuid};

/// An alias of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub struct Alias {
    /// The name.
    pub domain: String,
    /// The number of the group that it stands for.
    pub group_id: i64,
    /// Whose health counts.
    pub health_filter: Option<String>,
    /// `synchronous` or `asynchronous`.
    pub initial_health_check: Option<String>,
    /// What a `_` in the name stands for.
    pub placeholder_type: Option<String>,
}

const COLUMNS: &str = "domain, group_id, health_filter, initial_health_check, placeholder_type";

/// All aliases in the order of their names.
///
/// # Errors
/// What the database said.
pub async fn all<'c>(db: impl Db<'c>) -> Result<Vec<Alias>, Error> {
    let statement = format!(
        "SELECT {COLUMNS} FROM local_dns_aliases WHERE deployment_id IS NOT NULL ORDER BY domain, id"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .fetch_all(db)
        .await
        .during("list aliases")
}

/// The version of all aliases; 0 if there never were any.
///
/// # Errors
/// What the database said.
pub async fn version<'c>(db: impl Db<'c>) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM local_dns_aliases")
        .fetch_one(db)
        .await
        .during("find the version of aliases")
}

#[derive(FromRow)]
struct Row {
    id: i64,
    #[sqlx(flatten)]
    alias: Alias,
}

async fn of_deployment(connection: &mut Connection, deployment_id: i64) -> Result<Vec<Row>, Error> {
    let statement =
        format!("SELECT id, {COLUMNS} FROM local_dns_aliases WHERE deployment_id = $1 ORDER BY id");
    sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(deployment_id)
        .fetch_all(&mut *connection)
        .await
        .during("list the aliases of a deployment")
}

/// Adds those aliases of a deployment that it has not got; the answer is whether there were any.
///
/// # Errors
/// What the database said.
pub async fn add(
    connection: &mut Connection,
    deployment_id: i64,
    wanted: &[Alias],
) -> Result<bool, Error> {
    let mut known: Vec<Alias> = of_deployment(connection, deployment_id)
        .await?
        .into_iter()
        .map(|row| row.alias)
        .collect();
    let before = known.len();
    for alias in wanted {
        if known.contains(alias) {
            continue;
        }
        sqlx::query(
            "INSERT INTO local_dns_aliases (deployment_id, domain, group_id, health_filter, \
             initial_health_check, placeholder_type) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(deployment_id)
        .bind(&alias.domain)
        .bind(alias.group_id)
        .bind(&alias.health_filter)
        .bind(&alias.initial_health_check)
        .bind(&alias.placeholder_type)
        .execute(&mut *connection)
        .await
        .during("add an alias")?;
        known.push(alias.clone());
    }
    Ok(known.len() > before)
}

/// Removes all aliases of a deployment but these; the answer is whether there were others.
///
/// # Errors
/// What the database said.
pub async fn keep(
    connection: &mut Connection,
    deployment_id: i64,
    wanted: &[Alias],
) -> Result<bool, Error> {
    let known = of_deployment(connection, deployment_id).await?;
    let gone = known.iter().filter(|row| !wanted.contains(&row.alias));
    let gone: Vec<i64> = gone.map(|row| row.id).collect();
    if gone.is_empty() {
        return Ok(false);
    }
    for id in gone {
        sqlx::query("DELETE FROM local_dns_aliases WHERE id = $1")
            .bind(id)
            .execute(&mut *connection)
            .await
            .during("remove an alias")?;
    }
    sqlx::query("DELETE FROM local_dns_aliases WHERE deployment_id IS NULL")
        .execute(&mut *connection)
        .await
        .during("remove an old tombstone of aliases")?;
    sqlx::query("INSERT INTO local_dns_aliases (domain) VALUES ($1)")
        .bind(format!("{}-tombstone", uuid::new()))
        .execute(&mut *connection)
        .await
        .during("raise the version of aliases")?;
    Ok(true)
}
