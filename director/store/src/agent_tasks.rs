//! Tasks that agents were given and that go on without whoever gave them: written down while they are waited
//! for, so that who takes over from a worker that died can end them, or have what they made.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error};

/// A task of an agent.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AgentTask {
    /// The agent on the bus.
    pub agent_id: String,
    /// What the agent calls it.
    pub agent_task_id: String,
    /// What the agent was asked.
    pub method: String,
    /// The director's task that it is for.
    pub task_id: i64,
}

/// Writes one down.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &AgentTask) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO agent_tasks (agent_id, agent_task_id, method, task_id) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(&new.agent_id)
    .bind(&new.agent_task_id)
    .bind(&new.method)
    .bind(new.task_id)
    .execute(db)
    .await
    .during("write down a task of an agent")?;
    Ok(())
}

/// Those that a task of the director waits for, or did.
///
/// # Errors
/// What the database said.
pub async fn of_task<'c>(db: impl Db<'c>, task_id: i64) -> Result<Vec<AgentTask>, Error> {
    sqlx::query_as(
        "SELECT agent_id, agent_task_id, method, task_id FROM agent_tasks WHERE task_id = $1 \
         ORDER BY agent_id, agent_task_id",
    )
    .bind(task_id)
    .fetch_all(db)
    .await
    .during("list the tasks of agents for a task")
}

/// Those that tasks of the director waited for that are over.
///
/// # Errors
/// What the database said.
pub async fn left<'c>(db: impl Db<'c>) -> Result<Vec<AgentTask>, Error> {
    sqlx::query_as(
        "SELECT agent_id, agent_task_id, method, task_id FROM agent_tasks \
         WHERE task_id NOT IN (SELECT id FROM tasks \
         WHERE state IN ('queued', 'processing', 'cancelling')) ORDER BY agent_id, agent_task_id",
    )
    .fetch_all(db)
    .await
    .during("list the tasks of agents that nobody waits for")
}

/// Forgets one: what it made has a row, or does not exist.
///
/// # Errors
/// What the database said.
pub async fn forget_one<'c>(db: impl Db<'c>, one: &AgentTask) -> Result<(), Error> {
    sqlx::query("DELETE FROM agent_tasks WHERE agent_id = $1 AND agent_task_id = $2")
        .bind(&one.agent_id)
        .bind(&one.agent_task_id)
        .execute(db)
        .await
        .during("forget a task of an agent")?;
    Ok(())
}

/// Forgets those that a task of the director had of an agent: what they made has a row.
///
/// # Errors
/// What the database said.
pub async fn forget_of<'c>(db: impl Db<'c>, agent_id: &str, task_id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM agent_tasks WHERE agent_id = $1 AND task_id = $2")
        .bind(agent_id)
        .bind(task_id)
        .execute(db)
        .await
        .during("forget the tasks of an agent for a task")?;
    Ok(())
}

/// Forgets all of an agent: it is gone.
///
/// # Errors
/// What the database said.
pub async fn forget<'c>(db: impl Db<'c>, agent_id: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM agent_tasks WHERE agent_id = $1")
        .bind(agent_id)
        .execute(db)
        .await
        .during("forget the tasks of an agent")?;
    Ok(())
}
