//! What can be done about a problem that a cloud check found.

use warren_director_store::deployments::Deployment;
use warren_director_store::instances::Instance;
use warren_director_store::problems::{self, Problem};
use warren_director_store::vms::Vm;
use warren_director_store::work::InstanceAction;
use warren_director_store::{disks, instances, ips, vms};

use super::update_instance;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, disks as steps, update, vm};

/// Does what was chosen for each problem, one after the other; `None` is what suits its kind. The
/// answer is how many there were.
///
/// # Errors
/// The first that was in the way, when all were tried; problems are resolved anyway.
pub async fn all(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    chosen: Vec<(Problem, Option<String>)>,
) -> Result<usize, Error> {
    let stage = Stage::new(task, "Applying problem resolutions", chosen.len(), &[]);
    let count = chosen.len();
    let mut first = None;
    for (problem, choice) in chosen {
        task.check()?;
        let choice = choice.unwrap_or_else(|| automatic(&problem.kind).to_owned());
        let title = format!(
            "{} ({} {}): {choice}",
            problem.description, problem.kind, problem.resource_id
        );
        let done = stage
            .run(&title, |_| one(engine, task, deployment, &problem, &choice))
            .await;
        problems::set_state(engine.store.pool(), problem.id, "resolved").await?;
        if let Err(error) = done {
            let text = format!(
                "Error resolving problem '{}': {}",
                problem.id,
                error.story()
            );
            task.log(&text);
            first.get_or_insert(Error::refused(error.code(), text));
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(count),
    }
}

fn automatic(kind: &str) -> &'static str {
    match kind {
        "missing_vm" => "recreate_vm_without_wait",
        "invalid_problem" => "close",
        _ => "ignore",
    }
}

async fn one(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    problem: &Problem,
    choice: &str,
) -> Result<(), Error> {
    match (problem.kind.as_str(), choice) {
        (_, "ignore") | ("invalid_problem", "close") => Ok(()),
        ("missing_vm" | "unresponsive_agent", _) => {
            machine(engine, task, deployment, problem, choice).await
        }
        ("missing_disk" | "inactive_disk" | "mount_info_mismatch", _) => {
            disk(engine, task, problem, choice).await
        }
        _ => Err(unknown(problem, choice)),
    }
}

fn unknown(problem: &Problem, choice: &str) -> Error {
    Error::refused(
        410_002,
        format!(
            "'{choice}' is no resolution of a problem of the kind '{}'",
            problem.kind
        ),
    )
}

async fn instance(engine: &Engine, id: i64) -> Result<(Instance, Option<Vm>), Error> {
    let row = instances::find(engine.store.pool(), id)
        .await?
        .ok_or_else(|| Error::refused(410_001, "The instance is gone"))?;
    let machine = update::active(engine, row.id).await?;
    Ok((row, machine))
}

async fn machine(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    problem: &Problem,
    choice: &str,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let (row, machine) = instance(engine, problem.resource_id).await?;
    if matches!(choice, "recreate_vm" | "recreate_vm_without_wait") {
        let wanted = InstanceAction {
            deployment: deployment.name.clone(),
            job: row.job.clone(),
            id: row.uuid.clone(),
            action: "recreate".to_owned(),
            skip_drain: true,
            hard: false,
            ignore_unresponsive_agent: true,
        };
        return Box::pin(update_instance::act(engine, task, &wanted))
            .await
            .map(drop);
    }
    let Some(machine) = machine else {
        return Ok(());
    };
    match choice {
        "reboot_vm" => {
            let cid = machine.cid.as_deref().unwrap_or_default();
            engine.cpi_for(task).reboot_vm(cid).await?;
            let agent = engine.bus.agent(&machine.agent_id);
            Ok(agent
                .wait_until_ready(engine.config.agent_patience, task)
                .await?)
        }
        "delete_vm" => {
            steps::detach_all(engine, task, &row, &machine, false).await?;
            vm::delete(engine, task, &machine, &row.name()).await
        }
        "delete_vm_reference" => {
            ips::unbind_vm(pool, machine.id).await?;
            vms::delete(pool, machine.id).await?;
            engine.write_users().await
        }
        _ => Err(unknown(problem, choice)),
    }
}

async fn disk(engine: &Engine, task: &Task, problem: &Problem, choice: &str) -> Result<(), Error> {
    let pool = engine.store.pool();
    let all = disks::of_deployment(pool, problem.deployment_id).await?;
    let disk = all
        .into_iter()
        .find(|disk| disk.id == problem.resource_id)
        .ok_or_else(|| Error::refused(410_001, "The disk is gone"))?;
    let (row, machine) = instance(engine, disk.instance_id).await?;
    match choice {
        "delete_disk_reference" => Ok(disks::delete(pool, disk.id).await?),
        "delete_disk" => {
            if *disk.active {
                return Err(Error::refused(410_002, "The disk is active meanwhile"));
            }
            steps::let_go(engine, task, &row, machine.as_ref(), &disk).await
        }
        "activate_disk" => {
            let there = disks::of_instance(pool, row.id).await?;
            if there
                .iter()
                .any(|other| *other.active && other.name == disk.name)
            {
                return Err(Error::refused(
                    410_002,
                    "The instance has an active disk already",
                ));
            }
            Ok(disks::set_active(pool, disk.id, true).await?)
        }
        "reattach_disk" | "reattach_disk_and_reboot" => {
            let machine = machine.ok_or_else(|| {
                Error::refused(70_004, format!("'{}' doesn't reference a VM", row.name()))
            })?;
            steps::attach_one(engine, task, &row, &machine, &disk).await?;
            if choice == "reattach_disk" {
                return Ok(());
            }
            let cid = machine.cid.as_deref().unwrap_or_default();
            engine.cpi_for(task).reboot_vm(cid).await?;
            let agent = engine.bus.agent(&machine.agent_id);
            Ok(agent
                .wait_until_ready(engine.config.agent_patience, task)
                .await?)
        }
        _ => Err(unknown(problem, choice)),
    }
}
