//! What is done about problems that a cloud check found.
//!
//! ```text
//! groups in the manifest's order: serial ones one by one, others side by side
//!    └─ problems of a group: as many at once as its max_in_flight says
//! ```
//!
//! A problem that was tried is resolved, whatever came of it; what went wrong is told by the task's end.
//! At that end the scripts for after a deploy are run. Source: reference of the deploy engine, section 18.

use std::collections::BTreeMap;

use serde_json::Map;
use tokio::sync::Mutex;
use warren_director_plan::problems as plan;
use warren_director_store::deployments::Deployment;
use warren_director_store::instances::Instance;
use warren_director_store::problems::{self, Problem};
use warren_director_store::vms::Vm;
use warren_director_store::work::InstanceAction;
use warren_director_store::{disks, instances, ips, vms};
use warren_wire_manifest::deployment::Count;

use super::targets;
use super::update_instance::{self, How};
use crate::event_log::Stage;
use crate::reach::{self, Reached};
use crate::{Engine, Error, Task, disks as steps, documents, many, update, vm};

/// A problem and what was chosen for it; `None` is what suits its kind.
pub type Chosen = (Problem, Option<String>);

/// Does what was chosen for each problem. The answer is how many there were. `overrides` are numbers or
/// percentages in the place of `max_in_flight` of groups.
///
/// # Errors
/// All that was in the way, a line each, when everything was tried; code 10001 if it was cancelled.
pub async fn all(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    chosen: Vec<Chosen>,
    overrides: &BTreeMap<String, String>,
) -> Result<usize, Error> {
    let count = chosen.len();
    let resolver = Resolver {
        engine,
        task,
        deployment,
        stage: Stage::new(task, "Applying problem resolutions", count, &[]),
        turn: Mutex::new(()),
        failed: Mutex::new(Vec::new()),
    };
    for run in resolver.runs(chosen, overrides).await {
        task.check()?;
        let groups = run
            .into_iter()
            .map(|(problems, at_once)| many::each(problems, at_once, |one| resolver.resolve(one)));
        for done in many::join_all(groups.collect()).await {
            done?;
        }
    }
    let failed = resolver.failed.into_inner();
    if !failed.is_empty() {
        return Err(Error::refused(100, failed.join("\n")));
    }
    if count > 0 {
        post_deploy(engine, task, deployment).await?;
    }
    Ok(count)
}

struct Resolver<'a> {
    engine: &'a Engine,
    task: &'a Task,
    deployment: &'a Deployment,
    stage: Stage,
    /// Who plans: one at a time, for a plan reserves and compiles.
    turn: Mutex<()>,
    /// What went wrong.
    failed: Mutex<Vec<String>>,
}

/// Problems of a group, with how many at once.
type Share = (Vec<Chosen>, usize);

impl Resolver<'_> {
    /// Problems by group: each run is done at once, one run after the other.
    async fn runs(
        &self,
        chosen: Vec<Chosen>,
        overrides: &BTreeMap<String, String>,
    ) -> Vec<Vec<Share>> {
        let mut of_group: BTreeMap<String, Vec<Chosen>> = BTreeMap::new();
        for one in chosen {
            let group = one.0.instance_group.clone();
            of_group.entry(group).or_default().push(one);
        }
        let most = self.engine.config.max_threads.max(1);
        let mut runs: Vec<(bool, Vec<Share>)> = Vec::new();
        for (group, serial, max_in_flight) in self.groups().await {
            let Some(problems) = of_group.remove(&group) else {
                continue;
            };
            let count = match overrides.get(&group) {
                Some(text) => Count::new(text),
                None => max_in_flight,
            };
            let at_once = count
                .of(problems.len())
                .and_then(|count| count.try_into().ok());
            let share = (problems, at_once.unwrap_or(1).clamp(1, most));
            match runs.last_mut() {
                Some((false, run)) if !serial => run.push(share),
                _ => runs.push((serial, vec![share])),
            }
        }
        // What the manifest does not know any more comes last, one after the other.
        runs.extend(of_group.into_values().map(|rest| (true, vec![(rest, 1)])));
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// Groups of the manifest that was carried out last: name, whether serial, how many at once.
    async fn groups(&self) -> Vec<(String, bool, Count)> {
        let read = async {
            let variables = update_instance::variables(self.engine, self.deployment).await?;
            documents::last(self.engine, self.deployment, &variables).await
        };
        match read.await {
            Ok(documents) => documents
                .deployment
                .instance_groups
                .into_iter()
                .map(|group| {
                    let update = group.update;
                    (group.name, update.serial, update.max_in_flight)
                })
                .collect(),
            Err(error) => {
                let story = error.story();
                self.task
                    .log(&format!("{story}: problems are resolved one by one"));
                Vec::new()
            }
        }
    }

    async fn resolve(&self, (problem, choice): Chosen) -> Result<(), Error> {
        self.task.check()?;
        let choice = choice.unwrap_or_else(|| plan::automatic(&problem.kind).to_owned());
        let what = plan::find(&problem.kind, &choice).map_or("no resolution", |one| one.plan);
        let title = format!(
            "{} ({} {}): {what}",
            problem.description, problem.kind, problem.resource_id
        );
        let done = self
            .stage
            .run(&title, |_| self.one(&problem, &choice))
            .await;
        problems::set_state(self.engine.store.pool(), problem.id, "resolved").await?;
        match done {
            Err(error) if error.is_cancelled() => Err(error),
            Err(error) => {
                let story = error.story();
                let text = format!("Error resolving problem '{}': {story}", problem.id);
                self.task.log(&text);
                self.failed.lock().await.push(text);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn one(&self, problem: &Problem, choice: &str) -> Result<(), Error> {
        if plan::find(&problem.kind, choice).is_none() {
            return Err(unknown(problem, choice));
        }
        match (problem.kind.as_str(), choice) {
            (_, "ignore" | "close") => Ok(()),
            ("missing_vm" | "unresponsive_agent", _) => self.machine(problem, choice).await,
            _ => self.disk(problem, choice).await,
        }
    }

    async fn instance(&self, id: i64) -> Result<(Instance, Option<Vm>), Error> {
        let row = instances::find(self.engine.store.pool(), id)
            .await?
            .ok_or_else(|| Error::refused(410_001, "The instance is gone"))?;
        let machine = update::active(self.engine, row.id).await?;
        Ok((row, machine))
    }

    async fn machine(&self, problem: &Problem, choice: &str) -> Result<(), Error> {
        let (engine, task) = (self.engine, self.task);
        let (row, machine) = self.instance(problem.resource_id).await?;
        if problem.kind == "unresponsive_agent"
            && let Some(machine) = &machine
        {
            let agent = engine.bus.agent(&machine.agent_id);
            let patience = Some(super::cloud_check::PATIENCE);
            if agent.get_state(false, patience).await.is_ok() {
                return Err(Error::refused(
                    100,
                    "Agent is responding now, skipping resolution",
                ));
            }
        }
        if matches!(choice, "recreate_vm" | "recreate_vm_without_wait") {
            let wanted = InstanceAction {
                deployment: self.deployment.name.clone(),
                job: row.job.clone(),
                id: row.uuid.clone(),
                action: "recreate".to_owned(),
                skip_drain: true,
                hard: false,
                ignore_unresponsive_agent: true,
            };
            let how = How {
                turn: Some(&self.turn),
                waits: choice == "recreate_vm",
                silent: true,
            };
            return Box::pin(update_instance::act(engine, task, &wanted, how))
                .await
                .map(drop);
        }
        let Some(machine) = machine else {
            return Ok(());
        };
        match choice {
            "reboot_vm" => self.reboot(&machine).await,
            "delete_vm" => {
                steps::detach_all(engine, task, &row, &machine, false).await?;
                vm::delete(engine, task, &machine, &row.name()).await
            }
            "delete_vm_reference" => {
                let pool = engine.store.pool();
                ips::unbind_vm(pool, machine.id).await?;
                vms::delete(pool, machine.id).await?;
                engine.write_users().await
            }
            _ => Err(unknown(problem, choice)),
        }
    }

    async fn reboot(&self, machine: &Vm) -> Result<(), Error> {
        let cid = machine.cid.as_deref().unwrap_or_default();
        let cpi = self.engine.cpi_named(self.task, &machine.cpi).await?;
        cpi.reboot_vm(cid).await?;
        let agent = self.engine.bus.agent(&machine.agent_id);
        Ok(agent
            .wait_until_ready(self.engine.config.agent_patience, self.task)
            .await?)
    }

    async fn disk(&self, problem: &Problem, choice: &str) -> Result<(), Error> {
        let (engine, task) = (self.engine, self.task);
        let pool = engine.store.pool();
        let all = disks::of_deployment(pool, problem.deployment_id).await?;
        let disk = all.into_iter().find(|disk| disk.id == problem.resource_id);
        let disk = disk.ok_or_else(|| {
            let id = problem.resource_id;
            Error::refused(100, format!("Disk '{id}' is no longer in the database"))
        })?;
        let (row, machine) = self.instance(disk.instance_id).await?;
        let mounted = match (&machine, problem.kind.as_str()) {
            (Some(machine), "inactive_disk") => {
                let agent = engine.bus.agent(&machine.agent_id);
                let listed = agent.run("list_disk", vec![], task).await?;
                let mut listed = listed.as_array().into_iter().flatten();
                listed.any(|cid| cid.as_str() == Some(disk.disk_cid.as_str()))
            }
            _ => false,
        };
        if problem.kind == "inactive_disk" && *disk.active {
            let cid = &disk.disk_cid;
            return Err(Error::refused(
                100,
                format!("Disk '{cid}' is no longer inactive"),
            ));
        }
        match choice {
            "delete_disk_reference" => {
                steps::drop_missing(engine, task, &row, machine.as_ref(), &disk).await
            }
            "delete_disk" if mounted => Err(Error::refused(100, "Disk is currently in use")),
            "delete_disk" => steps::let_go(engine, task, &row, machine.as_ref(), &disk).await,
            "activate_disk" if !mounted => Err(Error::refused(100, "Disk is not mounted")),
            "activate_disk" => {
                let there = disks::of_instance(pool, row.id).await?;
                let mut others = there.iter().filter(|other| *other.active);
                if others.any(|other| other.name == disk.name) {
                    return Err(Error::refused(100, "Instance already has an active disk"));
                }
                Ok(disks::set_active(pool, disk.id, true).await?)
            }
            "reattach_disk" | "reattach_disk_and_reboot" => {
                let machine = machine.ok_or_else(|| {
                    let cid = &disk.disk_cid;
                    Error::refused(
                        100,
                        format!("Can't find corresponding vm-cid for disk '{cid}'"),
                    )
                })?;
                let tags = targets::tags(engine, task, self.deployment, &row.job).await;
                let owner = steps::Owner {
                    row: &row,
                    tags: &tags,
                };
                if choice == "reattach_disk" {
                    return steps::attach_one(engine, task, owner, &machine, &disk).await;
                }
                // The agent mounts it when it starts.
                steps::attach(engine, task, owner, &machine, &disk).await?;
                self.reboot(&machine).await
            }
            _ => Err(unknown(problem, choice)),
        }
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

/// Runs the scripts for after a deploy on every machine whose jobs should run.
async fn post_deploy(engine: &Engine, task: &Task, deployment: &Deployment) -> Result<(), Error> {
    let mut machines = Vec::new();
    for row in instances::of_deployment(engine.store.pool(), deployment.id).await? {
        if *row.compilation || *row.ignored || row.state != "started" {
            continue;
        }
        let machine = update::active(engine, row.id).await?;
        machines.extend(machine);
    }
    many::each(machines, engine.config.max_threads, |machine| async move {
        // One that was left as it is may not answer.
        let patience = Some(super::cloud_check::PATIENCE);
        match reach::state(engine, task, &machine, patience).await {
            Ok(Reached::Says(_)) => {
                let agent = engine.bus.agent(&machine.agent_id);
                agent.run_script("post-deploy", Map::new(), task).await?;
                Ok(())
            }
            Err(error) if error.is_cancelled() => Err(error),
            _ => Ok(()),
        }
    })
    .await
}
