//! Single values about the director itself: its id, whether resurrection is paused.

use crate::error::During;
use crate::{Db, Error};

/// The director's id, made once.
pub const UUID: &str = "uuid";
/// `true` while resurrection is paused.
pub const RESURRECTION_PAUSED: &str = "resurrection_paused";

/// The value called `name`.
///
/// # Errors
/// What the database said.
pub async fn get<'c>(db: impl Db<'c>, name: &str) -> Result<Option<String>, Error> {
    sqlx::query_scalar("SELECT value FROM director_attributes WHERE name = $1")
        .bind(name)
        .fetch_optional(db)
        .await
        .during("read an attribute of the director")
}

/// Sets the value called `name`.
///
/// # Errors
/// What the database said.
pub async fn set<'c>(db: impl Db<'c>, name: &str, value: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO director_attributes (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(db)
    .await
    .during("set an attribute of the director")?;
    Ok(())
}

/// Sets the value called `name` unless it has one; the answer is the one it has then.
///
/// # Errors
/// What the database said.
pub async fn get_or_set<'c>(db: impl Db<'c>, name: &str, value: &str) -> Result<String, Error> {
    sqlx::query_scalar(
        "INSERT INTO director_attributes (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = director_attributes.value RETURNING value",
    )
    .bind(name)
    .bind(value)
    .fetch_one(db)
    .await
    .during("make an attribute of the director")
}

/// Raises the value called `name`, unless it is that high already: of several who want to raise it to
/// the same, one does. Values are compared as texts.
///
/// # Errors
/// What the database said.
pub async fn advance<'c>(db: impl Db<'c>, name: &str, value: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO director_attributes (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value \
         WHERE director_attributes.value < excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(db)
    .await
    .during("raise an attribute of the director")?;
    Ok(done.rows_affected() == 1)
}
