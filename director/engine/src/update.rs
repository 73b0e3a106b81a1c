//! One instance, from what it is to what it shall be.
//!
//! ```text
//! prepare ── pre-stop, drain, stop, post-stop ── (machine anew, or swapped) ── disks ── settings ── names ──
//! apply ── pre-start ── start ── running? ── post-start
//! ```
//!
//! While it goes on its row says that it is not complete, so that the next deploy does it again.
//! Source: reference of the deploy engine, section 15.

mod addresses;
mod machine;
mod stop;
mod watch;

use serde_json::{Map, Value, json};
use warren_director_bus::Agent;
use warren_director_plan::changes::Change;
use warren_director_plan::{Group, Input, InstancePlan, State, spec};
use warren_director_store::vms::Vm;
use warren_director_store::{Flag, instances, ips};
use warren_wire_manifest::deployment::{Lifecycle, WatchTime};

use crate::deliver::{clean, deliver};
use crate::event_log::Step;
use crate::render::Files;
use crate::signed::give_spec;
use crate::task::Event;
use crate::variables::Variables;
use crate::{Engine, Error, Task, disks, dns, vm};

pub use machine::{active, create};
pub use stop::drain;

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
        let (action, context) = self.story(&row);
        let begun = self
            .task
            .event(Event {
                action,
                object_type: "instance",
                object_name: Some(&name),
                instance: Some(&name),
                context: Some(context),
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

    /// What events call the update, and what they tell of it, as in stock: a state alone speaks for
    /// itself.
    fn story(&self, row: &instances::Instance) -> (&'static str, Value) {
        if let [Change::State | Change::Restart] = self.changes {
            let action = match (self.plan.state, self.plan.once.as_deref()) {
                (State::Stopped | State::Detached, _) => "stop",
                (_, Some("restart")) => "restart",
                (_, Some("recreate")) => "recreate",
                _ => "start",
            };
            return (action, json!({}));
        }
        let mut context = Map::new();
        if let Some(az) = &self.plan.az {
            context.insert("az".to_owned(), json!(az));
        }
        // Instances of errands are there since the deploy, which left them without a machine.
        let is_first = row.spec.is_none() && self.group.lifecycle == Lifecycle::Service;
        let action = match is_first {
            true => "create",
            false => {
                if self.changes != [Change::Recreate] {
                    let names: Vec<&str> = self.changes.iter().map(|one| one.name()).collect();
                    context.insert("changes".to_owned(), json!(names));
                }
                match self.renews() {
                    true => "recreate",
                    false => "update",
                }
            }
        };
        (action, Value::Object(context))
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
        if self.is_new {
            row.variable_set_id = self.variables.set();
        }
        instances::save(pool, row).await?;
        let mut machine = active(self.engine, row.id).await?;
        let renews = !self.is_new && self.renews();
        if let Some(vm) = &machine {
            let agent = self.engine.bus.agent(&vm.agent_id);
            let mut archive = None;
            if self.responds && !renews && self.plan.state == State::Started && !self.is_new {
                // What can be fetched is fetched before anything is stopped.
                archive = Some(self.prepare(row, &agent, vm).await?);
            }
            self.stop(step, row, &agent, renews, archive).await?;
            self.snapshot(row).await?;
        }
        match self.plan.state {
            State::Detached => return self.detach(row, machine).await,
            State::Stopped => return self.stopped(row).await,
            State::Started => {}
        }
        if renews && let Some(old) = machine.take() {
            match self.plan.swap {
                Some(_) => {
                    machine = Some(self.swap(row, &old).await?);
                    row.variable_set_id = self.variables.set();
                    instances::save(pool, row).await?;
                }
                None => self.delete_machine(row, &old).await?,
            }
        }
        let mut vm = match machine {
            Some(vm) => vm,
            None => self.create_machine(row).await?,
        };
        step.advance(10, "installing packages");
        let how = disks::How {
            anew: self.changes.contains(&Change::RecreatePersistentDisks),
            attached: self.is_new
                || renews
                || (row.state == State::Started.word() && !self.changes.contains(&Change::Dirty)),
        };
        let (engine, task) = (self.engine, self.task);
        disks::update(engine, task, self.group, row, &vm, self.variables, how).await?;
        let named = disks::named(engine, row.id).await?;
        // A machine that was made for this knows the rest.
        if (!self.is_new && !renews) || self.plan.swap.is_some() || !named.is_empty() {
            vm::update_settings(engine, task, &mut vm, &named).await?;
        }
        if (!self.is_new && !renews) || self.plan.swap.is_some() {
            vm::set_metadata(engine, task, &self.wanted(row, Vec::new()), &vm).await?;
        }
        self.give_back_addresses().await?;
        let networks = self.networks(row, &mut vm).await?;
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
        let again = self.rendered_again(row, &networks).await?;
        let files = again.as_ref().unwrap_or(self.files);
        let apply = self.apply(row, &vm, &networks, files).await?;
        self.start(step, row, &agent, watch).await?;
        self.save(row, &apply).await
    }

    /// Names and tags only: nothing is stopped.
    async fn minor(&self, row: &mut instances::Instance) -> Result<(), Error> {
        let machine = active(self.engine, row.id).await?;
        if let Some(vm) = &machine {
            if self.changes.contains(&Change::Tags) {
                vm::set_metadata(self.engine, self.task, &self.wanted(row, Vec::new()), vm).await?;
                if let Some(spec) = spec::retagged(row.spec.as_deref(), self.group) {
                    row.spec = Some(spec);
                }
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

    /// The answer is where the agent was told that its templates are, and their SHA-1.
    async fn prepare(
        &self,
        row: &instances::Instance,
        agent: &Agent,
        vm: &Vm,
    ) -> Result<(String, String), Error> {
        let archive = deliver(self.engine, self.task, agent, row.id, self.files).await?;
        let mut hashes = self.files.hashes.clone();
        hashes.archive = Some(archive.named());
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
        let (engine, task) = (self.engine, self.task);
        give_spec(engine, task, vm, "prepare", &document, Some(&archive)).await?;
        Ok(archive.named())
    }

    async fn stopped(&self, row: &mut instances::Instance) -> Result<(), Error> {
        self.give_back_addresses().await?;
        row.state = State::Stopped.word().to_owned();
        row.update_completed = Flag(true);
        // A machine that stays what it was is compared with the values of then.
        if !self.renews() {
            row.variable_set_id = self.variables.set();
        }
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

    async fn give_back_addresses(&self) -> Result<(), Error> {
        for id in &self.plan.obsolete_addresses {
            ips::release(self.engine.store.pool(), *id).await?;
        }
        Ok(())
    }

    async fn apply(
        &self,
        row: &instances::Instance,
        vm: &Vm,
        networks: &Map<String, Value>,
        files: &Files,
    ) -> Result<Value, Error> {
        let (engine, task) = (self.engine, self.task);
        let agent = engine.bus.agent(&vm.agent_id);
        let archive = deliver(engine, task, &agent, row.id, files).await?;
        let mut hashes = files.hashes.clone();
        hashes.archive = Some(archive.named());
        let document = spec::apply(
            self.input,
            self.group,
            self.plan,
            networks,
            self.packages,
            &hashes,
        );
        // What is saved of it has no URLs.
        give_spec(engine, task, vm, "apply", &document, Some(&archive)).await?;
        if let Err(error) = clean(engine, row.id, Some(&archive.id)).await {
            // The next one does it.
            let story = error.story();
            self.task
                .log(&format!("{}: older templates stay: {story}", row.name()));
        }
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
        watch::wait_until_running(self.task, row, agent, watch).await?;
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
