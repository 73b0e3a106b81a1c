//! `run errand NAME from deployment D`: on machines that there are, or on ones that live for it.
//!
//! ```text
//! name of a job        on every instance that has it; instances may be chosen
//! name of a group      on its first instance
//! a group for errands  machine made ── errand ── logs ── machine deleted, unless it is kept
//! ```
//!
//! Source: reference of the deploy engine, section 17.

mod places;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use warren_director_plan::InstancePlan;
use warren_director_plan::changes::Change;
use warren_director_store::instances::Instance;
use warren_director_store::vms::Vm;
use warren_director_store::work::Errand;
use warren_director_store::{agent_tasks, errands, ips};
use warren_wire_manifest::deployment::Lifecycle;

use super::planning::{DeployTask, Ready, Scope};
use super::{fetch_logs, targets, update_instance};
pub(super) use places::groups_to_make;
use places::{has_job, state_hash};

use crate::event_log::Stage;
use crate::many::join_all;
use crate::reach::{self, Reached};
use crate::task::Event;
use crate::{Engine, Error, Task, agent_task, disks as steps, dns, lock, update, vm};

/// How long the agent of a machine that is about to go may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs an errand. Of one that was cancelled while nobody worked on it nothing stays.
pub async fn run(engine: &Engine, task: &Task, wanted: &Errand) -> Result<String, Error> {
    let Err(cancelled) = task.check() else {
        return perform(engine, task, wanted, false).await;
    };
    let to_its_end = task.to_its_end();
    agent_task::cancel_all(engine, &to_its_end).await?;
    if let Err(error) = perform(engine, &to_its_end, wanted, true).await {
        task.log(&error.story());
    }
    Err(cancelled)
}

/// Runs it, or only removes what was made for it.
async fn perform(
    engine: &Engine,
    task: &Task,
    wanted: &Errand,
    is_over: bool,
) -> Result<String, Error> {
    let name = format!("lock:deployment:{}", wanted.deployment);
    lock::with(task, &name, lock::PATIENCE, async {
        let row = targets::deployment(engine, &wanted.deployment).await?;
        let deploy = update_instance::again(engine, &wanted.deployment).await?;
        let variables = update_instance::variables(engine, &row).await?;
        let planned = DeployTask {
            engine,
            task,
            wanted: &deploy,
            row,
            variables,
            scope: Scope::Errand(wanted.name.clone()),
            waits: true,
            silent: false,
        };
        let Some(ready) = planned.get_ready().await? else {
            return Ok(String::new());
        };
        let running = Running {
            planned: &planned,
            wanted,
            is_over,
        };
        running.carry_out(ready).await
    })
    .await
}

struct Running<'a> {
    planned: &'a DeployTask<'a>,
    wanted: &'a Errand,
    /// Whether nothing is run any more.
    is_over: bool,
}

impl Running<'_> {
    async fn carry_out(&self, mut ready: Ready) -> Result<String, Error> {
        let (engine, task) = (self.planned.engine, self.planned.task);
        let name = &self.wanted.name;
        let groups = &ready.draft.groups;
        let by_job = groups
            .iter()
            .any(|group| has_job(&ready.known, group, name));
        let by_group = groups
            .iter()
            .any(|group| group.name == *name && group.lifecycle == Lifecycle::Errand);
        if by_job && by_group {
            task.warn(&format!(
                "Ambiguous request: the requested errand name '{name}' matches both a job name and an errand instance group name. Executing errand on all relevant instances with job '{name}'."
            ));
        }
        let places = places::all(self.wanted, &ready, by_job)?;
        let uuids: BTreeSet<String> = places.iter().map(|place| place.plan.uuid.clone()).collect();
        let hash = state_hash(&ready, &places);
        let pool = engine.store.pool();
        let deployment = self.planned.row.id;
        if self.wanted.when_changed
            && !self.is_over
            && errands::last_success(pool, deployment, name)
                .await?
                .as_ref()
                == Some(&hash)
        {
            drop(places);
            self.give_back_addresses(&ready).await?;
            return Ok("skipped - no changes detected".to_owned());
        }
        let errand_groups = ready.known.errands.clone();
        let of_errands: BTreeSet<String> = places
            .iter()
            .filter(|place| errand_groups.contains(&place.group.name))
            .map(|place| place.plan.uuid.clone())
            .collect();
        drop(places);
        // Nothing but machines for the errand is touched.
        ready
            .decided
            .changes
            .retain(|uuid, _| of_errands.contains(uuid));
        for changes in ready.decided.changes.values_mut() {
            if changes.is_empty() {
                changes.push(Change::Dirty);
            }
        }
        let done = match self.is_over {
            false => self.on_machines(&ready, &uuids, by_job).await,
            true => Err(Error::Cancelled { id: task.id }),
        };
        let cleaned = if self.wanted.keep_alive {
            Ok(())
        } else {
            self.delete_machines(&ready, &of_errands).await
        };
        self.give_back_addresses(&ready).await?;
        let codes = done?;
        cleaned?;
        let count = |is: &dyn Fn(i64) -> bool| codes.iter().filter(|code| is(**code)).count();
        let succeeded = count(&|code| code == 0);
        if succeeded == codes.len() {
            errands::set_success(pool, deployment, name, &hash).await?;
        }
        Ok(format!(
            "{succeeded} succeeded, {} errored, {} canceled",
            count(&|code| code != 0 && code <= 128),
            count(&|code| code > 128)
        ))
    }

    /// Makes the machines that are made for it, and runs the errand on all; the answer is exit codes.
    async fn on_machines(
        &self,
        ready: &Ready,
        uuids: &BTreeSet<String>,
        by_job: bool,
    ) -> Result<Vec<i64>, Error> {
        let (engine, task) = (self.planned.engine, self.planned.task);
        let (known, draft, decided) = (&ready.known, &ready.draft, &ready.decided);
        let made = self.planned.create_missing(known, draft, decided).await?;
        for group in &draft.groups {
            if known.errands.contains(&group.name) {
                self.planned
                    .update_group(known, group, decided, &made)
                    .await?;
            }
        }
        let mut machines = Vec::new();
        for group in &draft.groups {
            for plan in group
                .instances
                .iter()
                .filter(|plan| uuids.contains(&plan.uuid))
            {
                let row = self.planned.row_of(known, plan)?.clone();
                let machine = update::active(engine, row.id).await?.ok_or_else(|| {
                    Error::refused(70_004, format!("'{}' doesn't reference a VM", row.name()))
                })?;
                machines.push((row, machine));
            }
        }
        let stage = Stage::new(task, "Running errand", machines.len(), &[]);
        let runs = machines
            .iter()
            .map(|(row, machine)| self.on_machine(&stage, row, machine, by_job))
            .collect();
        join_all(runs).await.into_iter().collect()
    }

    async fn on_machine(
        &self,
        stage: &Stage,
        row: &Instance,
        machine: &Vm,
        by_job: bool,
    ) -> Result<i64, Error> {
        let (engine, task) = (self.planned.engine, self.planned.task);
        let name = &self.wanted.name;
        let title = format!("{} ({})", row.name(), row.index_number);
        let begun = self.record(&title, None, None, None).await?;
        let ran = stage
            .run(&title, |_| async {
                let agent = engine.bus.agent(&machine.agent_id);
                let arguments = if by_job { vec![json!(name)] } else { vec![] };
                let ran = agent_task::run(engine, task, &agent, "run_errand", arguments).await;
                agent_tasks::forget_of(engine.store.pool(), agent.id(), task.id).await?;
                ran
            })
            .await;
        let code = |answer: &Value| answer.get("exit_code").and_then(Value::as_i64);
        let error = ran.as_ref().err().map(Error::story);
        let context = ran
            .as_ref()
            .ok()
            .and_then(code)
            .map(|code| json!({"exit_code": code}));
        self.record(&title, Some(begun), error.as_deref(), context)
            .await?;
        let answer = ran?;
        let exit_code = code(&answer).ok_or_else(|| {
            Error::refused(
                510_000,
                format!("The agent of {title} ran the errand and did not say how it ended"),
            )
        })?;
        let (blob, sha1) = fetch_logs::fetch(engine, task, row, machine, "job", None).await?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
        let line = json!({
            "instance": {"group": row.job, "id": row.uuid},
            "errand_name": name,
            "exit_code": exit_code,
            "stdout": text("stdout"),
            "stderr": text("stderr"),
            "logs": {"blobstore_id": blob, "sha1": sha1},
        });
        task.result(format!("{line}\n").as_bytes());
        Ok(exit_code)
    }

    async fn record(
        &self,
        instance: &str,
        parent: Option<i64>,
        error: Option<&str>,
        context: Option<Value>,
    ) -> Result<i64, Error> {
        self.planned
            .task
            .event(Event {
                parent,
                action: "run",
                object_type: "errand",
                object_name: Some(&self.wanted.name),
                instance: Some(instance),
                error,
                context,
                ..Event::default()
            })
            .await
    }

    /// Deletes machines that lived for the errand, also after it was cancelled; their instances stay. One
    /// that cannot be deleted keeps none of the others.
    async fn delete_machines(&self, ready: &Ready, of: &BTreeSet<String>) -> Result<(), Error> {
        let (engine, task) = (self.planned.engine, &self.planned.task.to_its_end());
        let mut all = Ok(());
        for group in &ready.draft.groups {
            let plans: Vec<&InstancePlan> = group
                .instances
                .iter()
                .filter(|plan| of.contains(&plan.uuid))
                .collect();
            let tags = [group.name.as_str()];
            let stage = Stage::new(task, "Deleting errand instances", plans.len(), &tags);
            for plan in plans {
                let row = self.planned.row_of(&ready.known, plan)?;
                let Some(machine) = update::active(engine, row.id).await? else {
                    continue;
                };
                let deleted = stage
                    .run(&plan.title(&group.name), |_| async {
                        // What the errand was doing may be why its agent does not answer any more.
                        let reached = reach::state(engine, task, &machine, Some(PATIENCE)).await;
                        let responds = matches!(reached, Ok(Reached::Says(_)));
                        steps::detach_all(engine, task, row, &machine, responds).await?;
                        vm::delete(engine, task, &machine, &row.name()).await?;
                        dns::remove(engine, row.id).await.map(drop)
                    })
                    .await;
                all = all.and(deleted);
            }
        }
        all
    }

    /// Gives back addresses of instances that have no machine when the errand is over.
    async fn give_back_addresses(&self, ready: &Ready) -> Result<(), Error> {
        let engine = self.planned.engine;
        for group in &ready.draft.groups {
            if !ready.known.errands.contains(&group.name) {
                continue;
            }
            for plan in &group.instances {
                let row = self.planned.row_of(&ready.known, plan)?;
                if update::active(engine, row.id).await?.is_none() {
                    let owner = ips::Owner::Instance(row.id);
                    ips::release_all(engine.store.pool(), owner).await?;
                }
            }
        }
        Ok(())
    }
}
