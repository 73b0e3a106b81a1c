//! With what an errand last succeeded, for `--when-changed`.

use crate::error::During;
use crate::{Db, Error};

/// The hash of what an errand last succeeded with.
///
/// # Errors
/// What the database said.
pub async fn last_success<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
    errand: &str,
) -> Result<Option<String>, Error> {
    sqlx::query_scalar(
        "SELECT successful_state_hash FROM errand_runs \
         WHERE deployment_id = $1 AND errand_name = $2",
    )
    .bind(deployment_id)
    .bind(errand)
    .fetch_optional(db)
    .await
    .during("find the last run of an errand")
}

/// Remembers the hash of what an errand succeeded with.
///
/// # Errors
/// What the database said.
pub async fn set_success<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
    errand: &str,
    hash: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO errand_runs (deployment_id, errand_name, successful_state_hash) \
         VALUES ($1, $2, $3) ON CONFLICT (deployment_id, errand_name) \
         DO UPDATE SET successful_state_hash = excluded.successful_state_hash",
    )
    .bind(deployment_id)
    .bind(errand)
    .bind(hash)
    .execute(db)
    .await
    .during("remember the run of an errand")?;
    Ok(())
}
