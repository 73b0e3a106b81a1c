//! An instance that is not wanted any more: its jobs end in order, then all that it has goes.
//!
//! ```text
//! pre-stop ── drain ── stop ── post-stop ── unmount ── machine deleted ── disks kept for a while ── templates,
//! names, addresses, row
//! ```
//!
//! Jobs that refuse to end, as when a drain cannot move data elsewhere, keep their machine: the task fails,
//! and whoever deletes again, or deploys again, tries again. Only a forced deletion goes on.
//! Source: reference of the deploy engine, sections 1 and 15.

use std::time::Duration;

use serde_json::{Map, json};
use warren_director_store::instances::{self, Instance};
use warren_director_store::vms::{self, Vm};
use warren_director_store::{Flag, disks, ips};

use crate::reach::{self, Reached};
use crate::task::Event;
use crate::{Engine, Error, Task, deliver, disks as steps, dns, update, vm};

/// How long an agent may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// How an instance is deleted.
#[derive(Debug, Clone, Copy)]
pub struct Deletion {
    /// Whether it goes whatever is in the way.
    pub force: bool,
    /// Whether its jobs are not drained.
    pub skip_drain: bool,
    /// Whether the deployment goes with it.
    pub of_deployment: bool,
}

/// Deletes an instance: its machine, its names, its addresses; its disks are kept for a while.
///
/// # Errors
/// What jobs, CPI or database say, but for what `force` overrules; [`Error::Cancelled`] in any case.
pub async fn run(engine: &Engine, task: &Task, row: &Instance, how: Deletion) -> Result<(), Error> {
    let name = row.name();
    let event = Event {
        action: "delete",
        object_type: "instance",
        object_name: Some(&name),
        instance: Some(&name),
        ..Event::default()
    };
    let begun = task.event(event.clone()).await?;
    let done = delete(engine, task, row, how).await;
    let error = done.as_ref().err().map(Error::story);
    task.event(Event {
        parent: Some(begun),
        error: error.as_deref(),
        ..event
    })
    .await?;
    done
}

async fn delete(engine: &Engine, task: &Task, row: &Instance, how: Deletion) -> Result<(), Error> {
    let pool = engine.store.pool();
    let name = row.name();
    let forced = |done: Result<(), Error>| match done {
        Err(error) if how.force && !error.is_cancelled() => {
            task.log(&format!("{name}: {}, which is ignored", error.story()));
            Ok(false)
        }
        done => done.map(|()| true),
    };
    for machine in vms::of_instance(pool, row.id).await? {
        task.check()?;
        forced(end_jobs(engine, task, row, &machine, how).await)?;
        if !forced(vm::delete(engine, task, &machine, &name).await)? {
            ips::unbind_vm(pool, machine.id).await?;
            vms::delete(pool, machine.id).await?;
        }
    }
    for disk in disks::of_instance(pool, row.id).await? {
        steps::orphan(engine, task, row, &disk).await?;
    }
    forced(deliver::clean(engine, row.id, None).await)?;
    dns::remove(engine, row.id).await?;
    ips::release_all(pool, ips::Owner::Instance(row.id)).await?;
    instances::delete(pool, row.id).await?;
    Ok(())
}

/// Lets jobs end in order, if their agent answers at all; a machine whose agent does not goes anyway.
async fn end_jobs(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    machine: &Vm,
    how: Deletion,
) -> Result<(), Error> {
    if machine.cid.is_none() {
        return Ok(());
    }
    let state = match reach::state(engine, task, machine, Some(PATIENCE)).await? {
        Reached::Says(state) => state,
        Reached::Silent(_) | Reached::Gone => {
            let id = &machine.agent_id;
            task.log(&format!("agent {id} does not answer: no job is told"));
            return Ok(());
        }
    };
    let agent = engine.bus.agent(&machine.agent_id);
    // What is stopped has been told already; where an update broke off only the agent knows whether it is.
    let is_sure = *row.update_completed || state["job_state"] == "stopped";
    if row.state != "stopped" || !is_sure {
        // Should it stay after all, it is not what it was.
        let mut begun = row.clone();
        begun.update_completed = Flag(false);
        instances::save(engine.store.pool(), &begun).await?;
        if !how.skip_drain {
            let deployment = if how.of_deployment { "delete" } else { "keep" };
            let mut options = Map::new();
            options.insert(
                "env".into(),
                json!({
                    "BOSH_VM_NEXT_STATE": "delete",
                    "BOSH_INSTANCE_NEXT_STATE": "delete",
                    "BOSH_DEPLOYMENT_NEXT_STATE": deployment,
                }),
            );
            agent.run_script("pre-stop", options, task).await?;
            update::drain(task, &agent, "shutdown", json!({})).await?;
        }
        agent.stop(task).await?;
        agent.run_script("post-stop", Map::new(), task).await?;
    }
    let mounted = agent.run("list_disk", vec![], task).await?;
    for cid in mounted.as_array().into_iter().flatten() {
        agent.run("unmount_disk", vec![cid.clone()], task).await?;
    }
    Ok(())
}
