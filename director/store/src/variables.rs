//! Variables: which value of which name a deploy was made with, and the built-in store of values.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Flag, now};

/// The variables of one deploy.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct VariableSet {
    /// Key.
    pub id: i64,
    /// Whose it is.
    pub deployment_id: i64,
    /// Whether the deploy came to its end.
    #[sqlx(try_from = "i64")]
    pub deployed_successfully: Flag,
    /// Whether values may still be added.
    #[sqlx(try_from = "i64")]
    pub writable: Flag,
}

/// A name with the value that it had in a deploy.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Variable {
    /// Key.
    pub id: i64,
    /// Absolute.
    pub variable_name: String,
    /// The value's id in the store of values.
    pub variable_id: String,
}

/// A value in the built-in store.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Value {
    /// Its id.
    pub variable_id: String,
    /// Absolute.
    pub name: String,
    /// `password`, `certificate` and so on.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// What it was generated from, JSON.
    pub parameters: String,
    /// JSON.
    pub value: String,
}

/// Begins a set that values may be added to; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create_set<'c>(db: impl Db<'c>, deployment_id: i64) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO variable_sets (deployment_id, created_at, writable) VALUES ($1, $2, 1) \
         RETURNING id",
    )
    .bind(deployment_id)
    .bind(now())
    .fetch_one(db)
    .await
    .during("begin a set of variables")
}

/// The newest set of a deployment; with `successful` of those that came to their end.
///
/// # Errors
/// What the database said.
pub async fn latest_set<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
    successful: bool,
) -> Result<Option<VariableSet>, Error> {
    sqlx::query_as(
        "SELECT id, deployment_id, deployed_successfully, writable FROM variable_sets \
         WHERE deployment_id = $1 AND deployed_successfully >= $2 ORDER BY id DESC LIMIT 1",
    )
    .bind(deployment_id)
    .bind(i64::from(successful))
    .fetch_optional(db)
    .await
    .during("find a set of variables")
}

/// The newest set of a deployment that is older than this one.
///
/// # Errors
/// What the database said.
pub async fn set_before<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
    id: i64,
) -> Result<Option<i64>, Error> {
    sqlx::query_scalar(
        "SELECT id FROM variable_sets WHERE deployment_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1",
    )
    .bind(deployment_id)
    .bind(id)
    .fetch_optional(db)
    .await
    .during("find an older set of variables")
}

/// Ends a set: nothing can be added to it any more.
///
/// # Errors
/// What the database said.
pub async fn finish_set<'c>(db: impl Db<'c>, id: i64, successful: bool) -> Result<(), Error> {
    sqlx::query("UPDATE variable_sets SET writable = 0, deployed_successfully = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::from(successful))
        .execute(db)
        .await
        .during("end a set of variables")?;
    Ok(())
}

/// Forgets all sets of a deployment but `kept` and those that instances refer to.
///
/// # Errors
/// What the database said.
pub async fn forget_sets<'c>(db: impl Db<'c>, deployment_id: i64, kept: i64) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM variable_sets WHERE deployment_id = $1 AND id <> $2 AND id NOT IN \
         (SELECT variable_set_id FROM instances WHERE deployment_id = $1)",
    )
    .bind(deployment_id)
    .bind(kept)
    .execute(db)
    .await
    .during("forget old sets of variables")?;
    Ok(())
}

/// The variables of a set, by name, without those that came with what other deployments provide.
///
/// # Errors
/// What the database said.
pub async fn of_set<'c>(db: impl Db<'c>, set: i64) -> Result<Vec<Variable>, Error> {
    sqlx::query_as(
        "SELECT id, variable_name, variable_id FROM variables \
         WHERE variable_set_id = $1 AND is_local = 1 ORDER BY variable_name",
    )
    .bind(set)
    .fetch_all(db)
    .await
    .during("list variables")
}

/// The variables of a set that came with what another deployment provides, by name.
///
/// # Errors
/// What the database said.
pub async fn provided<'c>(
    db: impl Db<'c>,
    set: i64,
    provider: &str,
) -> Result<Vec<Variable>, Error> {
    sqlx::query_as(
        "SELECT id, variable_name, variable_id FROM variables \
         WHERE variable_set_id = $1 AND is_local = 0 AND provider_deployment = $2 \
         ORDER BY variable_name",
    )
    .bind(set)
    .bind(provider)
    .fetch_all(db)
    .await
    .during("list variables of another deployment")
}

/// Pins a name of what another deployment provides to the value that it has there; a pin that exists
/// stays.
///
/// # Errors
/// What the database said.
pub async fn pin_provided<'c>(
    db: impl Db<'c>,
    set: i64,
    provider: &str,
    name: &str,
    value: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO variables (variable_set_id, variable_name, variable_id, is_local, \
         provider_deployment) VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING",
    )
    .bind(set)
    .bind(name)
    .bind(value)
    .bind(provider)
    .execute(db)
    .await
    .during("pin a variable of another deployment")?;
    Ok(())
}

/// Pins a name to a value in a set; a pin that exists stays.
///
/// # Errors
/// What the database said.
pub async fn pin<'c>(db: impl Db<'c>, set: i64, name: &str, value: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO variables (variable_set_id, variable_name, variable_id) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
    )
    .bind(set)
    .bind(name)
    .bind(value)
    .execute(db)
    .await
    .during("pin a variable")?;
    Ok(())
}

/// The current value of a name in the built-in store.
///
/// # Errors
/// What the database said.
pub async fn current_value<'c>(db: impl Db<'c>, name: &str) -> Result<Option<Value>, Error> {
    sqlx::query_as(
        "SELECT variable_id, name, type, parameters, value FROM variable_values \
         WHERE name = $1 ORDER BY id DESC LIMIT 1",
    )
    .bind(name)
    .fetch_optional(db)
    .await
    .during("find a value")
}

/// The value with this id in the built-in store.
///
/// # Errors
/// What the database said.
pub async fn value<'c>(db: impl Db<'c>, id: &str) -> Result<Option<Value>, Error> {
    sqlx::query_as(
        "SELECT variable_id, name, type, parameters, value FROM variable_values \
         WHERE variable_id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .during("read a value")
}

/// Adds a value to the built-in store, which becomes its name's current one.
///
/// # Errors
/// What the database said.
pub async fn add_value<'c>(db: impl Db<'c>, value: &Value) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO variable_values (variable_id, name, type, parameters, value, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&value.variable_id)
    .bind(&value.name)
    .bind(&value.kind)
    .bind(&value.parameters)
    .bind(&value.value)
    .bind(now())
    .execute(db)
    .await
    .during("add a value")?;
    Ok(())
}
