//! Tasks, and who works on them.
//!
//! ```text
//! queued ──claim──► processing ──finish──► done | error | cancelled
//!   │                  │  ▲
//!   │                  │  └─ claim, when the lease of a dead worker is over (three times)
//!   └───── cancel ──► cancelling ──finish──► cancelled
//! ```
//!
//! A worker renews its lease every second and loses the task when it could not for as long as
//! [`Store::lease`](crate::Store::lease) says. The time is the database's own, so that clocks of
//! several machines need not agree.

use sqlx::{AssertSqlSafe, FromRow};

use crate::error::During;
use crate::filter::Statement;
use crate::work::Work;
use crate::{Db, Error, Store, locks, now};

mod counts;

pub use counts::{count_by_kind, count_by_state, crowded, is_open, old, open_payloads};

/// How often a task is begun at most.
pub const ATTEMPTS: i64 = 3;
/// Where the text of a result is cut, as in stock, for lists.
pub const RESULT_LENGTH: usize = 128;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// `queued`, `processing`, `cancelling`, `done`, `error`, `cancelled` or `timeout`.
    pub state: String,
    /// `update_deployment` and so on.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// For people; clients match it.
    pub description: String,
    /// What to do, JSON of [`Work`].
    pub payload: String,
    /// Who wanted it.
    pub username: String,
    /// The deployment's name.
    pub deployment: Option<String>,
    /// Names of teams, JSON.
    pub teams: String,
    /// What the client called it.
    pub context_id: String,
    /// Unix time.
    pub created_at: i64,
    /// Unix time.
    pub started_at: Option<i64>,
    /// Unix time.
    pub finished_at: Option<i64>,
    /// One line for people.
    pub result: Option<String>,
    /// Who works on it.
    pub owner: Option<String>,
    /// Unix time at which the lease is over.
    pub lease: i64,
    /// How often it was begun.
    pub attempts: i64,
    /// The request that it was made by; empty if that is not known.
    pub request_id: String,
}

impl Task {
    /// What to do.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub fn work(&self) -> Result<Work, Error> {
        serde_json::from_str(&self.payload).map_err(|source| Error::Document {
            what: "payload of a task",
            row: self.id,
            source,
        })
    }

    /// Whether it has come to an end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.state.as_str(), "queued" | "processing" | "cancelling")
    }
}

/// What a new task is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// What to do.
    pub work: &'a Work,
    /// For people; clients match it.
    pub description: &'a str,
    /// Who wants it.
    pub username: &'a str,
    /// The deployment's name.
    pub deployment: Option<&'a str>,
    /// Names of teams, JSON.
    pub teams: &'a str,
    /// What the client calls it.
    pub context_id: &'a str,
    /// The request that it is made by; empty if none is.
    pub request_id: &'a str,
}

/// Adds a task to its queue; the answer is its number.
///
/// # Errors
/// What the database said.
pub async fn enqueue<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<i64, Error> {
    let payload = serde_json::to_string(new.work).map_err(|source| Error::Document {
        what: "payload of a new task",
        row: 0,
        source,
    })?;
    sqlx::query_scalar(
        "INSERT INTO tasks (state, type, description, queue, payload, username, deployment, \
         teams, context_id, created_at, request_id) \
         VALUES ('queued', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(new.work.kind())
    .bind(new.description)
    .bind(new.work.queue())
    .bind(payload)
    .bind(new.username)
    .bind(new.deployment)
    .bind(new.teams)
    .bind(new.context_id)
    .bind(now())
    .bind(new.request_id)
    .fetch_one(db)
    .await
    .during("add a task")
}

/// A task for the same work of the same user that was made since a time and has not ended.
///
/// # Errors
/// What the database said.
pub async fn twin<'c>(db: impl Db<'c>, new: &New<'_>, since: i64) -> Result<Option<i64>, Error> {
    let payload = serde_json::to_string(new.work).map_err(|source| Error::Document {
        what: "payload of a new task",
        row: 0,
        source,
    })?;
    sqlx::query_scalar(
        "SELECT id FROM tasks WHERE state IN ('queued', 'processing') AND created_at >= $1 \
         AND type = $2 AND username = $3 AND context_id = $4 AND payload = $5 \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(since)
    .bind(new.work.kind())
    .bind(new.username)
    .bind(new.context_id)
    .bind(payload)
    .fetch_optional(db)
    .await
    .during("look for the same task")
}

/// Adds a task that is over already, because there is nothing to do; the answer is its number.
///
/// # Errors
/// What the database said.
pub async fn create_done<'c>(
    db: impl Db<'c>,
    kind: &str,
    description: &str,
    username: &str,
    deployment: Option<&str>,
    teams: &str,
    result: &str,
) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO tasks (state, type, description, queue, payload, username, deployment, \
         teams, result, created_at, started_at, finished_at) \
         VALUES ('done', $1, $2, 'normal', 'null', $3, $4, $5, $6, $7, $7, $7) RETURNING id",
    )
    .bind(kind)
    .bind(description)
    .bind(username)
    .bind(deployment)
    .bind(teams)
    .bind(cut(result))
    .bind(now())
    .fetch_one(db)
    .await
    .during("add a task that is over")
}

fn seconds(store: &Store) -> i64 {
    i64::try_from(store.lease().as_secs()).unwrap_or(i64::MAX)
}

/// Whether [`claim`] would find something. This only reads, which costs an idle director next to
/// nothing; claiming takes the right to write even when there is nothing to claim.
///
/// # Errors
/// What the database said.
pub async fn is_waiting(store: &Store, queue: &str) -> Result<bool, Error> {
    let clock = store.clock();
    let statement = format!(
        "SELECT id FROM tasks WHERE state IN ('queued', 'processing', 'cancelling') \
         AND queue = $1 AND (state = 'queued' OR lease < {clock}) LIMIT 1"
    );
    let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(queue)
        .fetch_optional(store.pool())
        .await
        .during("look for work")?;
    Ok(found.is_some())
}

/// Claims the oldest task of a queue that is queued or whose worker is dead, whose locks are free then. Of
/// several workers that ask at once each gets another task.
///
/// # Errors
/// What the database said.
pub async fn claim(store: &Store, queue: &str, owner: &str) -> Result<Option<Task>, Error> {
    let clock = store.clock();
    // The state in the outer condition makes the loser of a race update nothing.
    let statement = format!(
        "UPDATE tasks SET state = CASE WHEN state = 'queued' THEN 'processing' ELSE state END, \
         owner = $2, lease = {clock} + $3, attempts = attempts + 1, \
         started_at = COALESCE(started_at, $4) \
         WHERE id = (SELECT id FROM tasks WHERE queue = $1 AND (state = 'queued' OR \
         (state IN ('processing', 'cancelling') AND lease < {clock})) ORDER BY id LIMIT 1) \
         AND (state = 'queued' OR (state IN ('processing', 'cancelling') AND lease < {clock})) \
         RETURNING id, state, type, description, payload, username, deployment, teams, \
         context_id, created_at, started_at, finished_at, result, owner, lease, attempts, request_id"
    );
    let claimed: Option<Task> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(queue)
        .bind(owner)
        .bind(seconds(store))
        .bind(now())
        .fetch_optional(store.pool())
        .await
        .during("claim a task")?;
    if let Some(again) = claimed.as_ref().filter(|task| task.attempts > 1) {
        // If this fails the task is claimed once more when its lease is over.
        locks::release_all(store.pool(), again.id).await?;
    }
    Ok(claimed)
}

/// Renews a lease; the answer is the task's state, or `None` if the task is somebody else's now.
///
/// # Errors
/// What the database said.
pub async fn renew(store: &Store, id: i64, owner: &str) -> Result<Option<String>, Error> {
    let clock = store.clock();
    let statement = format!(
        "UPDATE tasks SET lease = {clock} + $3 WHERE id = $1 AND owner = $2 \
         AND state IN ('processing', 'cancelling') RETURNING state"
    );
    sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(id)
        .bind(owner)
        .bind(seconds(store))
        .fetch_optional(store.pool())
        .await
        .during("renew the lease of a task")
}

/// Ends the leases of all tasks that workers of a dead process had, so that others take them up at
/// once; the answer is how many these were. Owners of the process are called `PROCESS/...`.
///
/// # Errors
/// What the database said.
pub async fn abandon<'c>(db: impl Db<'c>, process: &str) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE tasks SET lease = 0 WHERE owner LIKE $1 AND state IN ('processing', 'cancelling')",
    )
    .bind(format!("{process}/%"))
    .execute(db)
    .await
    .during("take the tasks of a dead process")?;
    Ok(done.rows_affected())
}

/// Ends a task that `owner` has; the answer is whether it still had it.
///
/// # Errors
/// What the database said.
pub async fn finish<'c>(
    db: impl Db<'c>,
    id: i64,
    owner: &str,
    state: &str,
    result: &str,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE tasks SET state = $3, result = $4, finished_at = $5, owner = NULL, lease = 0 \
         WHERE id = $1 AND owner = $2",
    )
    .bind(id)
    .bind(owner)
    .bind(state)
    .bind(cut(result))
    .bind(now())
    .execute(db)
    .await
    .during("end a task")?;
    Ok(done.rows_affected() == 1)
}

/// Asks for a task's end; the answer is whether it was still going on.
///
/// # Errors
/// What the database said.
pub async fn cancel<'c>(db: impl Db<'c>, id: i64) -> Result<bool, Error> {
    // A task that nobody has begun still needs a worker to end it, which writes its last event.
    let done = sqlx::query(
        "UPDATE tasks SET state = 'cancelling' WHERE id = $1 \
         AND state IN ('queued', 'processing', 'cancelling')",
    )
    .bind(id)
    .execute(db)
    .await
    .during("cancel a task")?;
    Ok(done.rows_affected() == 1)
}

/// The task with this number.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, id: i64) -> Result<Option<Task>, Error> {
    sqlx::query_as(
        "SELECT id, state, type, description, payload, username, deployment, teams, context_id, \
         created_at, started_at, finished_at, result, owner, lease, attempts, request_id FROM tasks \
         WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .during("find a task")
}

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// In one of these states; all if empty.
    pub states: Vec<&'a str>,
    /// Of one of these types; all if empty.
    pub kinds: Vec<&'a str>,
    /// Of this deployment.
    pub deployment: Option<&'a str>,
    /// With this context.
    pub context_id: Option<&'a str>,
    /// Older than this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: Option<i64>,
}

/// The newest tasks that the filter lets through, newest first: without what they are to do
/// ([`Task::payload`] is empty), which may be whole manifests.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>, filter: &Filter<'_>) -> Result<Vec<Task>, Error> {
    let mut statement = Statement::new(
        "SELECT id, state, type, description, '' AS payload, username, deployment, teams, \
         context_id, created_at, started_at, finished_at, result, owner, lease, attempts, request_id \
         FROM tasks WHERE 1 = 1",
    );
    statement.among("state", filter.states.iter().copied());
    statement.among("type", filter.kinds.iter().copied());
    if let Some(deployment) = filter.deployment {
        statement.equal("deployment", deployment);
    }
    if let Some(context) = filter.context_id {
        statement.equal("context_id", context);
    }
    if let Some(before) = filter.before {
        statement.number(" AND id < ", before);
    }
    statement.text(" ORDER BY id DESC");
    if let Some(limit) = filter.limit {
        statement.number(" LIMIT ", limit.max(1));
    }
    statement.build().fetch_all(db).await.during("list tasks")
}

/// Forgets a task.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM tasks WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a task")?;
    Ok(())
}

fn cut(result: &str) -> String {
    if result.chars().count() <= RESULT_LENGTH {
        return result.to_owned();
    }
    let head: String = result.chars().take(RESULT_LENGTH).collect();
    format!("{head}...")
}
