//! Configs: `cloud`, `runtime`, `cpi`, `resurrection`, `deploy` and any other type.
//!
//! A config is never changed: a new row with the same type and name takes its place, and deleting
//! marks the rows, for deployments refer to them by id.

use sqlx::FromRow;

use crate::error::During;
use crate::filter::Statement;
use crate::{Db, Error, Store, Transaction, now};

/// One version of a config.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Config {
    /// Key.
    pub id: i64,
    /// `cloud`, `runtime` and so on.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// `default` unless it was named.
    pub name: String,
    /// YAML as it was uploaded.
    pub content: String,
    /// The team that owns it.
    pub team: Option<String>,
    /// Unix time.
    pub created_at: i64,
}

/// Which configs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// Only of this type.
    pub kind: Option<&'a str>,
    /// Only of this name.
    pub name: Option<&'a str>,
    /// At most so many of each type and name, newest first; `None` is all.
    pub limit: Option<i64>,
}

/// Configs that are not deleted: by type, `default` first, by name, newest first.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>, filter: &Filter<'_>) -> Result<Vec<Config>, Error> {
    let mut statement = Statement::new(
        "SELECT id, type, name, content, team, created_at FROM (SELECT configs.*, \
         ROW_NUMBER() OVER (PARTITION BY type, name ORDER BY id DESC) AS place FROM configs \
         WHERE deleted = 0) AS numbered WHERE 1 = 1",
    );
    if let Some(kind) = filter.kind {
        statement.equal("type", kind);
    }
    if let Some(name) = filter.name {
        statement.equal("name", name);
    }
    if let Some(limit) = filter.limit {
        statement.number(" AND place <= ", limit);
    }
    statement.text(" ORDER BY type, CASE WHEN name = 'default' THEN 0 ELSE 1 END, name, id DESC");
    statement.build().fetch_all(db).await.during("list configs")
}

/// The newest config of a type and name.
///
/// # Errors
/// What the database said.
pub async fn latest<'c>(db: impl Db<'c>, kind: &str, name: &str) -> Result<Option<Config>, Error> {
    sqlx::query_as(
        "SELECT id, type, name, content, team, created_at FROM configs \
         WHERE type = $1 AND name = $2 AND deleted = 0 ORDER BY id DESC LIMIT 1",
    )
    .bind(kind)
    .bind(name)
    .fetch_optional(db)
    .await
    .during("find the newest config")
}

/// The config with this key, deleted or not.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, id: i64) -> Result<Option<Config>, Error> {
    sqlx::query_as("SELECT id, type, name, content, team, created_at FROM configs WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await
        .during("find a config")
}

/// Begins a transaction in which nobody else adds a config: what it has read of them still holds when it
/// writes.
///
/// # Errors
/// What the database said.
pub async fn begin(store: &Store) -> Result<Transaction, Error> {
    // It keeps no reader waiting.
    let lock = "LOCK TABLE configs IN SHARE ROW EXCLUSIVE MODE";
    store.begin_alone(lock).await
}

/// Adds a config; the answer is its row.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(
    db: impl Db<'c>,
    kind: &str,
    name: &str,
    content: &str,
    team: Option<&str>,
) -> Result<Config, Error> {
    sqlx::query_as(
        "INSERT INTO configs (type, name, content, team, created_at) VALUES ($1, $2, $3, $4, $5) \
         RETURNING id, type, name, content, team, created_at",
    )
    .bind(kind)
    .bind(name)
    .bind(content)
    .bind(team)
    .bind(now())
    .fetch_one(db)
    .await
    .during("add a config")
}

/// Marks all versions of a config deleted; the answer is how many there were.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, kind: &str, name: &str) -> Result<u64, Error> {
    let done =
        sqlx::query("UPDATE configs SET deleted = 1 WHERE type = $1 AND name = $2 AND deleted = 0")
            .bind(kind)
            .bind(name)
            .execute(db)
            .await
            .during("delete a config")?;
    Ok(done.rows_affected())
}

/// Marks one version of a config deleted; the answer is whether it was there.
///
/// # Errors
/// What the database said.
pub async fn delete_version<'c>(db: impl Db<'c>, id: i64) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE configs SET deleted = 1 WHERE id = $1 AND deleted = 0")
        .bind(id)
        .execute(db)
        .await
        .during("delete a version of a config")?;
    Ok(done.rows_affected() == 1)
}
