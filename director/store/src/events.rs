//! What happened, for `bosh events`. A finish names its start as parent.

use sqlx::FromRow;

use crate::error::During;
use crate::filter::Statement;
use crate::{Db, Error, now};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Event {
    /// Key.
    pub id: i64,
    /// The event that this one ends.
    pub parent_id: Option<i64>,
    /// Unix time.
    pub timestamp: i64,
    /// Who did it.
    pub username: String,
    /// `create`, `update`, `delete`, `acquire` and so on.
    pub action: String,
    /// `deployment`, `instance`, `vm`, `lock` and so on.
    pub object_type: String,
    /// Its name.
    pub object_name: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// The task's number.
    pub task: Option<String>,
    /// The deployment's name.
    pub deployment: Option<String>,
    /// `GROUP/UUID`.
    pub instance: Option<String>,
    /// JSON.
    pub context: String,
}

/// What a new event is made of.
#[derive(Debug, Clone, Default)]
pub struct New<'a> {
    /// The event that this one ends.
    pub parent_id: Option<i64>,
    /// Unix time; now if it is `None`.
    pub timestamp: Option<i64>,
    /// Who does it.
    pub username: &'a str,
    /// What is done.
    pub action: &'a str,
    /// To what kind of thing.
    pub object_type: &'a str,
    /// Its name.
    pub object_name: Option<&'a str>,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// The task's number.
    pub task: Option<&'a str>,
    /// The deployment's name.
    pub deployment: Option<&'a str>,
    /// `GROUP/UUID`.
    pub instance: Option<&'a str>,
    /// JSON object.
    pub context: Option<serde_json::Value>,
}

/// Adds an event; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<i64, Error> {
    let context = new
        .context
        .as_ref()
        .map_or_else(|| "{}".to_owned(), ToString::to_string);
    sqlx::query_scalar(
        "INSERT INTO events (parent_id, timestamp, username, action, object_type, object_name, \
         error, task, deployment, instance, context) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind(new.parent_id)
    .bind(new.timestamp.unwrap_or_else(now))
    .bind(new.username)
    .bind(new.action)
    .bind(new.object_type)
    .bind(new.object_name)
    .bind(new.error)
    .bind(new.task)
    .bind(new.deployment)
    .bind(new.instance)
    .bind(context)
    .fetch_one(db)
    .await
    .during("add an event")
}

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// With a lower key.
    pub before_id: Option<i64>,
    /// At or before this time.
    pub before_time: Option<i64>,
    /// At or after this time.
    pub after_time: Option<i64>,
    /// Pairs of column and value.
    pub equal: Vec<(Column, &'a str)>,
}

/// A column that events can be chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The task's number.
    Task,
    /// The deployment's name.
    Deployment,
    /// `GROUP/UUID`.
    Instance,
    /// Who did it.
    User,
    /// What was done.
    Action,
    /// To what kind of thing.
    ObjectType,
    /// Its name.
    ObjectName,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Column::Task => "task",
            Column::Deployment => "deployment",
            Column::Instance => "instance",
            Column::User => "username",
            Column::Action => "action",
            Column::ObjectType => "object_type",
            Column::ObjectName => "object_name",
        }
    }
}

/// How many events one answer has at most.
pub const PAGE: i64 = 200;

/// The newest events that the filter lets through.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>, filter: &Filter<'_>) -> Result<Vec<Event>, Error> {
    let mut statement = Statement::new(
        "SELECT id, parent_id, timestamp, username, action, object_type, object_name, error, \
         task, deployment, instance, context FROM events WHERE 1 = 1",
    );
    if let Some(id) = filter.before_id {
        statement.number(" AND id < ", id);
    }
    if let Some(time) = filter.before_time {
        statement.number(" AND timestamp <= ", time);
    }
    if let Some(time) = filter.after_time {
        statement.number(" AND timestamp >= ", time);
    }
    for (column, value) in &filter.equal {
        statement.equal(column.name(), value);
    }
    statement.number(" ORDER BY id DESC LIMIT ", PAGE);
    statement.build().fetch_all(db).await.during("list events")
}

/// The event with this key.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, id: i64) -> Result<Option<Event>, Error> {
    sqlx::query_as(
        "SELECT id, parent_id, timestamp, username, action, object_type, object_name, error, \
         task, deployment, instance, context FROM events WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .during("find an event")
}

/// How many events there are.
///
/// # Errors
/// What the database said.
pub async fn count<'c>(db: impl Db<'c>) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT COUNT(*) FROM events")
        .fetch_one(db)
        .await
        .during("count events")
}

/// Forgets all but the newest `kept` events; the answer is how many these were.
///
/// # Errors
/// What the database said.
pub async fn forget_old<'c>(db: impl Db<'c>, kept: i64) -> Result<u64, Error> {
    // Keys have gaps where a transaction was undone, so rows are counted.
    let done = sqlx::query(
        "DELETE FROM events WHERE id <= \
         (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET $1)",
    )
    .bind(kept)
    .execute(db)
    .await
    .during("forget old events")?;
    Ok(done.rows_affected())
}
