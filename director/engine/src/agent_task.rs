//! Tasks of agents that go on without us, written down while they are waited for.
//!
//! ```text
//! asked ── the agent's task: a row ── waited for ── what it made has its row, or nothing: no row
//!             └─ worker dies ─► cancelled meanwhile ─► the agent is told
//!                           └─► its machine goes ────► what it made goes
//! ```

use std::time::Duration;

use serde_json::{Value, json};
use warren_director_bus::{Agent, Begun};
use warren_director_store::agent_tasks::{self, AgentTask};

use crate::{Engine, Error, Task};

/// How long an agent may take to answer what is asked of a task that nobody waits for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has an agent do something that is written down until [`agent_tasks::forget`].
///
/// # Errors
/// What the agent says; [`Error::Cancelled`] after it was told.
pub(crate) async fn run(
    engine: &Engine,
    task: &Task,
    agent: &Agent,
    method: &str,
    arguments: Vec<Value>,
) -> Result<Value, Error> {
    match agent.begin(method, arguments).await? {
        Begun::Done(answer) => Ok(answer),
        Begun::Runs(id) => {
            let row = AgentTask {
                agent_id: agent.id().to_owned(),
                agent_task_id: id.clone(),
                method: method.to_owned(),
                task_id: task.id,
            };
            agent_tasks::create(engine.store.pool(), &row).await?;
            Ok(agent.wait_for(&id, method, task).await?)
        }
    }
}

/// Tells agents that nobody wants any more what a task had asked of them: it was cancelled while nobody worked on
/// it. An agent that does not answer has nothing to end, or ends it with its machine.
///
/// # Errors
/// What the database says.
pub(crate) async fn cancel_all(engine: &Engine, task: &Task) -> Result<(), Error> {
    let pool = engine.store.pool();
    let mut all = agent_tasks::of_task(pool, task.id).await?;
    // What compiles goes with its machine, which tells before what it made.
    all.retain(|row| row.method == "run_errand");
    for row in all {
        let agent = engine.bus.agent(&row.agent_id);
        let told = agent
            .ask("cancel_task", vec![json!(row.agent_task_id)], PATIENCE)
            .await;
        if let Err(error) = told {
            let (method, why) = (&row.method, warren_lib_errchain::chain(&error));
            task.log(&format!("{method} is not cancelled: {why}"));
        }
        agent_tasks::forget(pool, &row.agent_id).await?;
    }
    Ok(())
}

/// Deletes blobs that an agent made for somebody who died before any row told of them. Its machine is about to go.
///
/// # Errors
/// What database and blobstore say.
pub(crate) async fn drop_blobs(engine: &Engine, task: &Task, agent_id: &str) -> Result<(), Error> {
    let agent = engine.bus.agent(agent_id);
    for row in agent_tasks::of_agent(engine.store.pool(), agent_id).await? {
        let answer = agent
            .ask("get_task", vec![json!(row.agent_task_id)], PATIENCE)
            .await;
        let answer = answer.unwrap_or_default();
        let blob = answer.pointer("/result/blobstore_id");
        if let Some(blob) = blob.and_then(Value::as_str) {
            engine.blobs.delete(blob).await?;
            let method = &row.method;
            task.log(&format!("blob {blob} of a {method} for nobody: deleted"));
        }
    }
    Ok(())
}
