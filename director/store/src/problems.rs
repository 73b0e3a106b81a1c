//! What a cloud check found.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, now};

/// Something wrong with a deployment.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Problem {
    /// Key.
    pub id: i64,
    /// Whose it is.
    pub deployment_id: i64,
    /// `open`, `resolved` or `closed`.
    pub state: String,
    /// The key of the machine, instance or disk.
    pub resource_id: i64,
    /// `missing_vm` and so on.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// JSON.
    pub data: String,
    /// For people.
    pub description: String,
    /// Whose group it is.
    pub instance_group: String,
}

/// The open problems of a deployment, oldest first.
///
/// # Errors
/// What the database said.
pub async fn open<'c>(db: impl Db<'c>, deployment_id: i64) -> Result<Vec<Problem>, Error> {
    sqlx::query_as(
        "SELECT id, deployment_id, state, resource_id, type, data, description, instance_group \
         FROM deployment_problems WHERE deployment_id = $1 AND state = 'open' ORDER BY id",
    )
    .bind(deployment_id)
    .fetch_all(db)
    .await
    .during("list problems")
}

/// Adds an open problem; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, problem: &Problem) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO deployment_problems (deployment_id, state, resource_id, type, data, \
         description, instance_group, created_at) VALUES ($1, 'open', $2, $3, $4, $5, $6, $7) \
         RETURNING id",
    )
    .bind(problem.deployment_id)
    .bind(problem.resource_id)
    .bind(&problem.kind)
    .bind(&problem.data)
    .bind(&problem.description)
    .bind(&problem.instance_group)
    .bind(now())
    .fetch_one(db)
    .await
    .during("add a problem")
}

/// Moves a problem to `resolved` or `closed`.
///
/// # Errors
/// What the database said.
pub async fn set_state<'c>(db: impl Db<'c>, id: i64, state: &str) -> Result<(), Error> {
    sqlx::query("UPDATE deployment_problems SET state = $2 WHERE id = $1")
        .bind(id)
        .bind(state)
        .execute(db)
        .await
        .during("change a problem")?;
    Ok(())
}

/// Closes all open problems of a deployment.
///
/// # Errors
/// What the database said.
pub async fn close_all<'c>(db: impl Db<'c>, deployment_id: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE deployment_problems SET state = 'closed' \
         WHERE deployment_id = $1 AND state = 'open'",
    )
    .bind(deployment_id)
    .execute(db)
    .await
    .during("close problems")?;
    Ok(())
}
