//! Tasks of agents that go on without us, written down while they are waited for.
//!
//! ```text
//! asked ── the agent's task: a row ── waited for ── what it made has its row, or nothing: no row
//!             └─ worker dies, or gives up ─► an errand, cancelled meanwhile ─► the agent is told
//!                                         ├► asked again for the same ──► what it made before goes
//!                                         ├► its machine goes ──────────► what it made goes
//!                                         └► the schedule of old disks ─► what it made goes
//! ```
//!
//! An agent says how its task is called as soon as it is asked, and what came of it for as long as it runs: only
//! what one makes that is started again meanwhile is nobody's for good.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use warren_director_bus::{Agent, Begun, Error as BusError};
use warren_director_store::agent_tasks::{self, AgentTask};
use warren_director_store::vms;

use crate::many::join_all;
use crate::{Engine, Error, Task};

/// How long an agent may take to answer what is asked of a task that nobody waits for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has an agent do something that is written down until [`agent_tasks::forget_of`], or until the agent says that it
/// failed.
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
            let pool = engine.store.pool();
            let row = AgentTask {
                agent_id: agent.id().to_owned(),
                agent_task_id: id.clone(),
                method: method.to_owned(),
                task_id: task.id,
            };
            agent_tasks::create(pool, &row).await?;
            let ended = agent.wait_for(&id, method, task).await;
            if let Err(BusError::Exception { .. }) = ended {
                agent_tasks::forget_one(pool, &row).await?;
            }
            Ok(ended?)
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
    // What makes blobs is not cancelled: they go when it has ended.
    all.retain(|row| row.method == "run_errand");
    let told = all.iter().map(|row| async move {
        let agent = engine.bus.agent(&row.agent_id);
        let told = agent
            .ask("cancel_task", vec![json!(row.agent_task_id)], PATIENCE)
            .await;
        if let Err(error) = told {
            let (method, why) = (&row.method, warren_lib_errchain::chain(&error));
            task.log(&format!("{method} is not cancelled: {why}"));
        }
        Ok(agent_tasks::forget_one(pool, row).await?)
    });
    join_all(told.collect()).await.into_iter().collect()
}

/// Waits for what an earlier attempt of a task asked of an agent, and deletes the blobs that came of it.
///
/// # Errors
/// [`Error::Cancelled`], an agent that does not answer, what database and blobstore say.
pub(crate) async fn drop_earlier(engine: &Engine, task: &Task, agent: &Agent) -> Result<(), Error> {
    let pool = engine.store.pool();
    let mut all = agent_tasks::of_task(pool, task.id).await?;
    all.retain(|row| row.agent_id == agent.id());
    for row in all {
        let ended = agent.wait_for(&row.agent_task_id, &row.method, task).await;
        match ended {
            Ok(answer) => drop_blob(engine, task, &row, &answer).await?,
            // It failed, or the agent knows nothing of it any more.
            Err(BusError::Exception { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        agent_tasks::forget_one(pool, &row).await?;
    }
    Ok(())
}

/// Deletes blobs that an agent made for somebody who died before any row told of them. Its machine is about to go.
/// What another task waits for, it has a row of by itself.
///
/// # Errors
/// What the database says.
pub(crate) async fn drop_blobs(engine: &Engine, task: &Task, agent_id: &str) -> Result<(), Error> {
    let pool = engine.store.pool();
    let mut all = agent_tasks::left(pool).await?;
    all.extend(agent_tasks::of_task(pool, task.id).await?);
    all.retain(|row| row.agent_id == agent_id);
    for row in all {
        settle(engine, task, &row).await?;
    }
    Ok(())
}

/// Deletes blobs that agents made for tasks that are over, and forgets what nobody can tell of any more.
///
/// # Errors
/// [`Error::Cancelled`], what the database says.
pub(crate) async fn sweep(engine: &Engine, task: &Task) -> Result<(), Error> {
    let pool = engine.store.pool();
    let left = agent_tasks::left(pool).await?;
    let machines = vms::list(pool).await?;
    let agents: BTreeSet<String> = machines.into_iter().map(|vm| vm.agent_id).collect();
    for row in left {
        task.check()?;
        if agents.contains(&row.agent_id) {
            settle(engine, task, &row).await?;
        } else {
            agent_tasks::forget_one(pool, &row).await?;
        }
    }
    Ok(())
}

/// Deletes the blob that came of a task of an agent, which is forgotten then; one that goes on, or of which nothing
/// can be known now, stays.
async fn settle(engine: &Engine, task: &Task, row: &AgentTask) -> Result<(), Error> {
    let agent = engine.bus.agent(&row.agent_id);
    let arguments = vec![json!(row.agent_task_id)];
    let settled = match agent.ask("get_task", arguments, PATIENCE).await {
        Ok(answer) if answer.get("agent_task_id").is_some() => return Ok(()),
        Ok(answer) => drop_blob(engine, task, row, &answer).await,
        // It failed, or the agent knows nothing of it any more.
        Err(BusError::Exception { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    };
    match settled {
        Ok(()) => Ok(agent_tasks::forget_one(engine.store.pool(), row).await?),
        Err(error) => {
            let (method, why) = (&row.method, error.story());
            task.log(&format!("what came of {method} is not deleted: {why}"));
            Ok(())
        }
    }
}

async fn drop_blob(
    engine: &Engine,
    task: &Task,
    row: &AgentTask,
    answer: &Value,
) -> Result<(), Error> {
    let made = answer.get("result").unwrap_or(answer).get("blobstore_id");
    if let Some(blob) = made.and_then(Value::as_str) {
        engine.blobs.delete(blob).await?;
        let method = &row.method;
        task.log(&format!("blob {blob} of a {method} for nobody: deleted"));
    }
    Ok(())
}
