//! How many tasks there are, of which states and types: for metrics, and for what clears them away.

use crate::error::During;
use crate::{Db, Error};

/// How many tasks there are in each state.
///
/// # Errors
/// What the database said.
pub async fn count_by_state<'c>(db: impl Db<'c>) -> Result<Vec<(String, i64)>, Error> {
    sqlx::query_as("SELECT state, COUNT(*) FROM tasks GROUP BY state ORDER BY state")
        .fetch_all(db)
        .await
        .during("count tasks")
}

/// How many tasks there are in each state, by type.
///
/// # Errors
/// What the database said.
pub async fn count_by_kind<'c>(db: impl Db<'c>) -> Result<Vec<(String, String, i64)>, Error> {
    sqlx::query_as(
        "SELECT state, type, COUNT(*) FROM tasks GROUP BY state, type ORDER BY state, type",
    )
    .fetch_all(db)
    .await
    .during("count tasks")
}

/// The texts of what tasks do that are not over.
///
/// # Errors
/// What the database said.
pub async fn open_payloads<'c>(db: impl Db<'c>) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT payload FROM tasks WHERE state IN ('queued', 'processing', 'cancelling')",
    )
    .fetch_all(db)
    .await
    .during("list what tasks do")
}

/// Whether there is a task of a type that is not over.
///
/// # Errors
/// What the database said.
pub async fn is_open<'c>(db: impl Db<'c>, kind: &str) -> Result<bool, Error> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM tasks WHERE type = $1 \
         AND state IN ('queued', 'processing', 'cancelling') LIMIT 1",
    )
    .bind(kind)
    .fetch_optional(db)
    .await
    .during("look for a task")?;
    Ok(found.is_some())
}

/// Tasks of one type that are over, but the newest `kept`: for deleting with their output.
///
/// # Errors
/// What the database said.
pub async fn old<'c>(db: impl Db<'c>, kind: &str, kept: i64) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar(
        "SELECT id FROM tasks WHERE type = $1 AND finished_at IS NOT NULL \
         ORDER BY id DESC LIMIT 1000000000 OFFSET $2",
    )
    .bind(kind)
    .bind(kept)
    .fetch_all(db)
    .await
    .during("list old tasks")
}

/// Types of which there are more than `kept` tasks that are over.
///
/// # Errors
/// What the database said.
pub async fn crowded<'c>(db: impl Db<'c>, kept: i64) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT type FROM tasks WHERE finished_at IS NOT NULL GROUP BY type \
         HAVING COUNT(*) > $1 ORDER BY type",
    )
    .bind(kept)
    .fetch_all(db)
    .await
    .during("count old tasks")
}
