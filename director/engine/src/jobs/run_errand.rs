//! `run errand NAME from deployment D`: on machines that there are, or on ones that live for it.
//!
//! ```text
//! name of a job        on every instance that has it; instances may be chosen
//! name of a group      on its first instance
//! a group for errands  machine made ── errand ── logs ── machine deleted, unless it is kept
//! ```
//!
//! Source: reference of the deploy engine, section 17.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use warren_director_plan::changes::Change;
use warren_director_plan::{Group, InstancePlan, State, assemble};
use warren_director_store::instances::Instance;
use warren_director_store::vms::Vm;
use warren_director_store::work::Errand;
use warren_director_store::{agent_tasks, errands, ips};
use warren_wire_manifest::deployment::Lifecycle;

use super::planning::{DeployTask, Known, Ready, Scope};
use super::{fetch_logs, targets, update_instance};
use crate::event_log::Stage;
use crate::many::join_all;
use crate::reach::{self, Reached};
use crate::task::Event;
use crate::{Engine, Error, Task, agent_task, disks as steps, dns, lock, update, vm};

/// How long the agent of a machine that is about to go may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs an errand.
pub async fn run(engine: &Engine, task: &Task, wanted: &Errand) -> Result<String, Error> {
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
        };
        running.carry_out(ready).await
    })
    .await
}

/// Whether a group has the errand as a job.
fn has_job(known: &Known, group: &Group, name: &str) -> bool {
    group.jobs.iter().any(|plan| {
        plan.name == name && known.releases[plan.release].jobs[plan.job].spec.is_errand()
    })
}

/// Groups for errands that an errand runs on.
///
/// # Errors
/// Code 70009 if there is no such errand.
pub(super) fn groups_to_make(known: &Known, name: &str) -> Result<Vec<String>, Error> {
    let draft = assemble(&known.input())?;
    let is_meant = |group: &&Group| group.name == name && group.lifecycle == Lifecycle::Errand;
    let mut groups: Vec<&Group> = draft
        .groups
        .iter()
        .filter(|group| has_job(known, group, name))
        .collect();
    if groups.is_empty() {
        groups = draft.groups.iter().filter(is_meant).collect();
    }
    if groups.is_empty() {
        return Err(Error::refused(
            70_009,
            format!("Errand '{name}' doesn't exist"),
        ));
    }
    let for_errands = groups
        .iter()
        .filter(|group| group.lifecycle == Lifecycle::Errand);
    Ok(for_errands.map(|group| group.name.clone()).collect())
}

struct Running<'a> {
    planned: &'a DeployTask<'a>,
    wanted: &'a Errand,
}

/// An instance to run on.
#[derive(Clone, Copy)]
struct Place<'r> {
    group: &'r Group,
    plan: &'r InstancePlan,
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
        let places = self.places(&ready, by_job)?;
        let uuids: BTreeSet<String> = places.iter().map(|place| place.plan.uuid.clone()).collect();
        let hash = state_hash(&ready, &places);
        let pool = engine.store.pool();
        let deployment = self.planned.row.id;
        if self.wanted.when_changed
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
        let done = self.on_machines(&ready, &uuids, by_job).await;
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

    /// The instances to run on.
    fn places<'r>(&self, ready: &'r Ready, by_job: bool) -> Result<Vec<Place<'r>>, Error> {
        let name = &self.wanted.name;
        let filters = &self.wanted.instances;
        if !by_job && !filters.is_empty() {
            return Err(Error::refused(
                510_000,
                format!("Instances cannot be chosen for '{name}', which is a group and no job"),
            ));
        }
        let mut places = Vec::new();
        for group in &ready.draft.groups {
            let is_meant = if by_job {
                has_job(&ready.known, group, name)
            } else {
                group.name == *name && group.lifecycle == Lifecycle::Errand
            };
            if !is_meant {
                continue;
            }
            let all = group.instances.iter().enumerate();
            let chosen = all.filter(|(place, plan)| match by_job {
                false => *place == 0,
                true => {
                    filters.is_empty()
                        || filters.iter().any(|(wanted, id)| {
                            *wanted == group.name && id.as_ref().is_none_or(|id| is(id, plan))
                        })
                }
            });
            places.extend(chosen.map(|(_, plan)| Place { group, plan }));
        }
        if places.is_empty() {
            return Err(Error::refused(
                510_000,
                format!("No instance that was chosen has the errand '{name}'"),
            ));
        }
        let stopped = places
            .iter()
            .find(|place| place.plan.state != State::Started);
        if let Some(place) = stopped {
            return Err(Error::refused(
                510_000,
                format!(
                    "Cannot run errand '{name}' on '{}', which is stopped",
                    place.plan.title(&place.group.name)
                ),
            ));
        }
        Ok(places)
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
                agent_tasks::forget(engine.store.pool(), agent.id()).await?;
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

/// Whether an instance is meant by `first`, an index or an id.
fn is(id: &str, plan: &InstancePlan) -> bool {
    match id {
        "first" => plan.bootstrap,
        id => plan.uuid == id || id.parse::<i64>() == Ok(plan.index),
    }
}

/// What the instances are made of, as a hash: the same again means that nothing changed.
fn state_hash(ready: &Ready, places: &[Place<'_>]) -> String {
    let hex = |bytes: &[u8]| -> String {
        let hash = Sha1::digest(bytes);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut all: Vec<String> = places
        .iter()
        .map(|place| {
            let files = ready.decided.files.get(&place.plan.uuid);
            let configuration = files.map(|files| files.hashes.configuration_hash.as_str());
            let packages = ready.decided.packages.get(&place.group.name);
            let packages = packages
                .map(warren_director_plan::json::sorted)
                .unwrap_or_default();
            let text = format!(
                "{}{}{packages}",
                place.plan.uuid,
                configuration.unwrap_or_default()
            );
            hex(text.as_bytes())
        })
        .collect();
    all.sort();
    hex(all.concat().as_bytes())
}
