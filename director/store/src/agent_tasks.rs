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

/// Those of an agent.
///
/// # Errors
/// What the database said.
pub async fn of_agent<'c>(db: impl Db<'c>, agent_id: &str) -> Result<Vec<AgentTask>, Error> {
    sqlx::query_as(
        "SELECT agent_id, agent_task_id, method, task_id FROM agent_tasks WHERE agent_id = $1 \
         ORDER BY agent_task_id",
    )
    .bind(agent_id)
    .fetch_all(db)
    .await
    .during("list the tasks of an agent")
}

/// Forgets all of an agent: they are over, or it is gone.
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
