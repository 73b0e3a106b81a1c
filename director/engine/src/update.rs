//! One instance, from what it is to what it shall be.
//!
//! ```text
//! prepare ── pre-stop, drain, stop, post-stop ── (machine anew) ── disks ── settings ── names ──
//! apply ── pre-start ── start ── running? ── post-start
//! ```
//!
//! While it goes on its row says that it is not complete, so that the next deploy does it again.
//! Source: reference of the deploy engine, section 15.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use warren_director_bus::Agent;
use warren_director_plan::changes::Change;
use warren_director_plan::{Group, Input, InstancePlan, State, spec};
use warren_director_store::vms::Vm;
use warren_director_store::{Flag, instances, ips, vms};
use warren_wire_manifest::deployment::WatchTime;

use crate::event_log::Step;
use crate::jobs::{snapshots, targets};
use crate::render::{Files, deliver};
use crate::task::Event;
use crate::variables::Variables;
use crate::{Engine, Error, Task, disks, dns, vm};

/// What an update needs.
pub struct Update<'a> {
    /// What jobs work with.
    pub engine: &'a Engine,
    /// The task.
    pub task: &'a Task,
    /// What the plan follows from.
    pub input: &'a Input<'a>,
    /// The instance's group.
    pub group: &'a Group,
    /// What it shall be.
    pub plan: &'a InstancePlan,
    /// Its rendered jobs.
    pub files: &'a Files,
    /// `packages` of its apply spec.
    pub packages: &'a Value,
    /// Why it is updated.
    pub changes: &'a [Change],
    /// Variables of the deploy.
    pub variables: &'a Variables,
    /// Whether its jobs are not drained.
    pub skip_drain: bool,
    /// Whether it was made in this very task, so that there is nothing to stop.
    pub is_new: bool,
    /// Whether its agent answers.
    pub responds: bool,
    /// Whether its jobs are waited for.
    pub waits: bool,
}

impl Update<'_> {
    /// Updates the instance of a row and says what is being done.
    pub async fn run(
        &self,
        step: &Step,
        mut row: instances::Instance,
        watch: WatchTime,
    ) -> Result<(), Error> {
        let name = row.name();
        let action = match (self.plan.state, self.plan.once.as_deref()) {
            (State::Stopped | State::Detached, _) => "stop",
            (_, Some("restart")) => "restart",
            (_, Some("recreate")) => "recreate",
            _ if self.is_new => "create",
            _ => "update",
        };
        let changes: Vec<&str> = self.changes.iter().map(|change| change.name()).collect();
        let begun = self
            .task
            .event(Event {
                action,
                object_type: "instance",
                object_name: Some(&name),
                instance: Some(&name),
                context: Some(json!({"az": self.plan.az, "changes": changes})),
                ..Event::default()
            })
            .await?;
        let done = self.steps(step, &mut row, watch).await;
        let error = done.as_ref().err().map(Error::story);
        self.task
            .event(Event {
                parent: Some(begun),
                action,
                object_type: "instance",
                object_name: Some(&name),
                error: error.as_deref(),
                instance: Some(&name),
                ..Event::default()
            })
            .await?;
        done
    }

    async fn steps(
        &self,
        step: &Step,
        row: &mut instances::Instance,
        watch: WatchTime,
    ) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        if self.changes.iter().all(|change| change.is_minor()) {
            return self.minor(row).await;
        }
        row.update_completed = Flag(false);
        instances::save(pool, row).await?;
        let mut machine = active(self.engine, row.id).await?;
        let renews = !self.is_new && self.changes.iter().any(|change| change.needs_new_vm());
        if let Some(vm) = &machine {
            let agent = self.engine.bus.agent(&vm.agent_id);
            if self.responds && !renews && self.plan.state == State::Started && !self.is_new {
                // What can be fetched is fetched before anything is stopped.
                self.prepare(&agent, vm).await?;
            }
            self.stop(step, row, &agent, renews).await?;
            self.snapshot(row).await?;
        }
        match self.plan.state {
            State::Detached => return self.detach(row, machine).await,
            State::Stopped => return self.stopped(row).await,
            State::Started => {}
        }
        if renews && let Some(old) = machine.take() {
            self.delete_machine(row, &old).await?;
        }
        let mut vm = match machine {
            Some(vm) => vm,
            None => self.create_machine(row).await?,
        };
        step.advance(10, "installing packages");
        disks::update(
            self.engine,
            self.task,
            self.group,
            row,
            &vm,
            self.variables,
            self.changes.contains(&Change::RecreatePersistentDisks),
        )
        .await?;
        if !self.is_new && !renews {
            vm::update_settings(self.engine, self.task, &mut vm, &[]).await?;
        }
        self.give_back_addresses().await?;
        let networks = self.networks(row, &vm).await?;
        if dns::write(
            self.engine,
            &self.input.deployment.name,
            self.group,
            self.plan,
            row,
            Some(&vm),
        )
        .await?
        {
            dns::broadcast(self.engine, self.task).await?;
        }
        step.advance(10, "configuring jobs");
        let agent = self.engine.bus.agent(&vm.agent_id);
        let apply = self.apply(&agent, &networks).await?;
        self.start(step, row, &agent, watch).await?;
        self.save(row, &apply).await
    }

    /// Names and tags only: nothing is stopped.
    async fn minor(&self, row: &mut instances::Instance) -> Result<(), Error> {
        let machine = active(self.engine, row.id).await?;
        if let Some(vm) = &machine {
            if self.changes.contains(&Change::Tags) {
                vm::set_metadata(self.engine, self.task, &self.wanted(row, Vec::new()), vm).await?;
            }
            let wrote = dns::write(
                self.engine,
                &self.input.deployment.name,
                self.group,
                self.plan,
                row,
                Some(vm),
            );
            if wrote.await? {
                dns::broadcast(self.engine, self.task).await?;
            }
        }
        row.update_completed = Flag(true);
        instances::save(self.engine.store.pool(), row).await?;
        Ok(())
    }

    fn wanted<'w>(
        &'w self,
        row: &'w instances::Instance,
        disk_cids: Vec<String>,
    ) -> vm::Wanted<'w> {
        vm::Wanted {
            input: self.input,
            group: self.group,
            plan: self.plan,
            row,
            disk_cids,
            variables: self.variables,
            active: true,
        }
    }

    async fn prepare(&self, agent: &Agent, vm: &Vm) -> Result<(), Error> {
        let archive = deliver(self.engine, self.task, agent, self.files).await?;
        let mut hashes = self.files.hashes.clone();
        hashes.archive = Some(archive);
        let networks: Map<String, Value> = vm
            .network_spec
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_else(|| spec::networks(self.plan));
        let networks = self.variables.resolve_map(&networks).await?;
        let document = spec::apply(
            self.input,
            self.group,
            self.plan,
            &networks,
            self.packages,
            &hashes,
        );
        agent.run("prepare", vec![document], self.task).await?;
        Ok(())
    }

    /// Runs what comes before the end of jobs, and ends them.
    async fn stop(
        &self,
        step: &Step,
        row: &instances::Instance,
        agent: &Agent,
        renews: bool,
    ) -> Result<(), Error> {
        // A machine that was just made has no jobs: stock goes through all of it, some five seconds.
        if row.state == "stopped" || !self.responds || self.is_new {
            return Ok(());
        }
        let keeps = |keeps: bool| if keeps { "keep" } else { "delete" };
        let vm_stays = !renews && self.plan.state != State::Detached;
        if self.skip_drain {
            step.advance(10, "skipped pre-stop & drain");
        } else {
            step.advance(5, "executing pre-stop");
            let mut options = Map::new();
            options.insert(
                "env".into(),
                json!({
                    "BOSH_VM_NEXT_STATE": keeps(vm_stays),
                    "BOSH_INSTANCE_NEXT_STATE": "keep",
                    "BOSH_DEPLOYMENT_NEXT_STATE": "keep",
                }),
            );
            agent.run_script("pre-stop", options, self.task).await?;
            step.advance(5, "executing drain");
            let ends = !vm_stays
                || self.plan.state == State::Stopped
                || self.changes.contains(&Change::PersistentDisk)
                || self.changes.contains(&Change::RecreatePersistentDisks);
            self.drain(agent, if ends { "shutdown" } else { "update" })
                .await?;
        }
        step.advance(20, "stopping jobs");
        agent.stop(self.task).await?;
        step.advance(10, "executing post-stop");
        agent.run_script("post-stop", Map::new(), self.task).await?;
        Ok(())
    }

    /// Keeps what the disks hold while nothing writes to them.
    async fn snapshot(&self, row: &instances::Instance) -> Result<(), Error> {
        if self.is_new || !self.engine.config.snapshots {
            return Ok(());
        }
        let name = &self.input.deployment.name;
        let deployment = targets::deployment(self.engine, name).await?;
        match snapshots::take(self.engine, self.task, &deployment, row, true).await {
            // Nobody has asked for this one: without it the jobs go on all the same.
            Err(Error::Cpi(error)) if error.is_unsupported() => {
                self.task.warn(&format!(
                    "No snapshot of {}: {}",
                    row.name(),
                    warren_lib_errchain::chain(&error)
                ));
                Ok(())
            }
            done => done.map(drop),
        }
    }

    async fn drain(&self, agent: &Agent, kind: &str) -> Result<(), Error> {
        let document = spec::apply(
            self.input,
            self.group,
            self.plan,
            &spec::networks(self.plan),
            self.packages,
            &self.files.hashes,
        );
        let mut wait = agent
            .run("drain", vec![json!(kind), document], self.task)
            .await?
            .as_i64()
            .unwrap_or(0);
        loop {
            self.task.check()?;
            sleep(Duration::from_secs(wait.unsigned_abs())).await;
            if wait >= 0 {
                return Ok(());
            }
            wait = agent
                .run("drain", vec![json!("status")], self.task)
                .await?
                .as_i64()
                .unwrap_or(0);
        }
    }

    async fn stopped(&self, row: &mut instances::Instance) -> Result<(), Error> {
        self.give_back_addresses().await?;
        row.state = State::Stopped.word().to_owned();
        row.update_completed = Flag(true);
        row.variable_set_id = self.variables.set();
        instances::save(self.engine.store.pool(), row).await?;
        Ok(())
    }

    async fn detach(
        &self,
        row: &mut instances::Instance,
        machine: Option<Vm>,
    ) -> Result<(), Error> {
        if let Some(vm) = machine {
            self.delete_machine(row, &vm).await?;
        }
        self.give_back_addresses().await?;
        if dns::remove(self.engine, row.id).await? {
            dns::broadcast(self.engine, self.task).await?;
        }
        row.state = State::Detached.word().to_owned();
        row.update_completed = Flag(true);
        row.variable_set_id = self.variables.set();
        instances::save(self.engine.store.pool(), row).await?;
        Ok(())
    }

    async fn delete_machine(&self, row: &instances::Instance, old: &Vm) -> Result<(), Error> {
        disks::detach_all(self.engine, self.task, row, old, self.responds).await?;
        vm::delete(self.engine, self.task, old, &row.name()).await
    }

    async fn create_machine(&self, row: &instances::Instance) -> Result<Vm, Error> {
        create(self.engine, self.task, &self.wanted(row, Vec::new()), row).await
    }

    async fn give_back_addresses(&self) -> Result<(), Error> {
        for id in &self.plan.obsolete_addresses {
            ips::release(self.engine.store.pool(), *id).await?;
        }
        Ok(())
    }

    /// Settings of networks as the machine has them: with what the infrastructure gave.
    async fn networks(
        &self,
        row: &instances::Instance,
        vm: &Vm,
    ) -> Result<Map<String, Value>, Error> {
        let planned = spec::networks(self.plan);
        let resolved = self.variables.resolve_map(&planned).await?;
        if self
            .plan
            .networks
            .iter()
            .all(|network| network.kind != "dynamic")
        {
            return Ok(resolved);
        }
        let state = self
            .engine
            .bus
            .agent(&vm.agent_id)
            .get_state(false, None)
            .await?;
        self.task
            .log(&format!("{}: the agent tells its networks", row.name()));
        let reported = state.get("networks").and_then(Value::as_object);
        Ok(reported
            .cloned()
            .filter(|map| !map.is_empty())
            .unwrap_or(resolved))
    }

    async fn apply(&self, agent: &Agent, networks: &Map<String, Value>) -> Result<Value, Error> {
        let archive = deliver(self.engine, self.task, agent, self.files).await?;
        let mut hashes = self.files.hashes.clone();
        hashes.archive = Some(archive);
        let document = spec::apply(
            self.input,
            self.group,
            self.plan,
            networks,
            self.packages,
            &hashes,
        );
        agent
            .run("apply", vec![document.clone()], self.task)
            .await?;
        Ok(document)
    }

    async fn start(
        &self,
        step: &Step,
        row: &instances::Instance,
        agent: &Agent,
        watch: WatchTime,
    ) -> Result<(), Error> {
        step.advance(10, "executing pre-start");
        agent.run_script("pre-start", Map::new(), self.task).await?;
        step.advance(20, "starting jobs");
        agent.start().await?;
        if !self.waits {
            return Ok(());
        }
        wait_until_running(self.task, row, agent, watch).await?;
        step.advance(10, "executing post-start");
        agent
            .run_script("post-start", Map::new(), self.task)
            .await?;
        Ok(())
    }

    async fn save(&self, row: &mut instances::Instance, apply: &Value) -> Result<(), Error> {
        let saved = spec::saved(self.input, self.group, self.plan, apply);
        row.state = State::Started.word().to_owned();
        row.spec = Some(saved.to_string());
        row.cloud_properties = Some(Value::Object(self.plan.cloud_properties.clone()).to_string());
        row.update_completed = Flag(true);
        row.variable_set_id = self.variables.set();
        instances::save(self.engine.store.pool(), row).await?;
        Ok(())
    }
}

/// The machine of an instance that counts.
pub async fn active(engine: &Engine, instance: i64) -> Result<Option<Vm>, Error> {
    let all = vms::of_instance(engine.store.pool(), instance).await?;
    Ok(all.into_iter().find(|vm| *vm.active && vm.cid.is_some()))
}

/// Makes a machine for an instance, with its disks.
pub async fn create(
    engine: &Engine,
    task: &Task,
    wanted: &vm::Wanted<'_>,
    row: &instances::Instance,
) -> Result<Vm, Error> {
    // What an earlier attempt left half made.
    for left in vms::of_instance(engine.store.pool(), row.id).await? {
        if !*left.active {
            vm::delete(engine, task, &left, &row.name()).await?;
        }
    }
    let disk_cids = warren_director_store::disks::of_instance(engine.store.pool(), row.id)
        .await?
        .into_iter()
        .filter(|disk| *disk.active)
        .map(|disk| disk.disk_cid)
        .collect();
    let wanted = vm::Wanted {
        disk_cids,
        input: wanted.input,
        group: wanted.group,
        plan: wanted.plan,
        row,
        variables: wanted.variables,
        active: wanted.active,
    };
    let vm = vm::create(engine, task, &wanted).await?;
    disks::attach_all(engine, task, row, &vm).await?;
    Ok(vm)
}

/// Waits until all jobs of an instance run: not before the shorter time, not after the longer.
async fn wait_until_running(
    task: &Task,
    row: &instances::Instance,
    agent: &Agent,
    watch: WatchTime,
) -> Result<(), Error> {
    let begun = Instant::now();
    let (least, most) = (
        Duration::from_millis(watch.min),
        Duration::from_millis(watch.max),
    );
    let mut pause = Duration::from_millis(50);
    loop {
        task.check()?;
        let state = agent.get_state(false, None).await?;
        let is_running = state.get("job_state").and_then(Value::as_str) == Some("running");
        if is_running && begun.elapsed() >= least {
            return Ok(());
        }
        let left = most.saturating_sub(begun.elapsed());
        if left.is_zero() && begun.elapsed() >= least {
            let failed: Vec<&str> = state
                .get("processes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|process| process.get("state").and_then(Value::as_str) != Some("running"))
                .filter_map(|process| process.get("name").and_then(Value::as_str))
                .collect();
            let which = if failed.is_empty() {
                String::new()
            } else {
                format!(" Review logs for failed jobs: {}", failed.join(", "))
            };
            return Err(Error::refused(
                400_007,
                format!(
                    "'{} ({})' is not running after update.{which}",
                    row.name(),
                    row.index_number
                ),
            ));
        }
        let rest = if is_running {
            least.saturating_sub(begun.elapsed())
        } else {
            pause
        };
        sleep(
            rest.max(Duration::from_millis(10))
                .min(left.max(Duration::from_millis(10))),
        )
        .await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
