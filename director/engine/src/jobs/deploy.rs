//! `create deployment`: a manifest becomes machines. See `docs/design/director.md` for the steps.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use warren_director_plan::{AgentState, Draft, Group, InstancePlan, State, order};
use warren_director_store::work::Deploy;
use warren_director_store::{deployments, instances, links as rows, variables as sets, vms};
use warren_wire_manifest::deployment::{Lifecycle, VmStrategy, WatchTime};

use super::deploy_events::{record, used, wanted};
use super::planning::{Decided, DeployTask, Known, Ready, Scope};
use crate::cpis::Cpis;
use crate::event_log::Stage;
use crate::render::Files;
use crate::update::{self, Update};
use crate::variables::Variables;
use crate::{Engine, Error, Task, disks, dns, lock, many, vm};

/// Deploys.
pub async fn run(engine: &Engine, task: &Task, wanted: &Deploy) -> Result<String, Error> {
    let name = &wanted.deployment;
    lock::with(
        task,
        &format!("lock:deployment:{name}"),
        lock::PATIENCE,
        async {
            let row = deployments::find(engine.store.pool(), name)
                .await?
                .ok_or_else(|| {
                    Error::refused(70_000, format!("Deployment '{name}' doesn't exist"))
                })?;
            let action = if row.manifest.is_none() {
                "create"
            } else {
                "update"
            };
            let begun = record(task, action, name, None, None, None).await?;
            let before = used(engine, name).await?;
            let after = OnceLock::new();
            let set = sets::create_set(engine.store.pool(), row.id).await?;
            let deploy = DeployTask {
                engine,
                task,
                wanted,
                row,
                variables: Variables::new(&engine.store, &engine.config.name, name, set, true),
                scope: Scope::All,
                waits: true,
                silent: false,
            };
            let done = deploy.carry_out(&after).await;
            sets::finish_set(engine.store.pool(), set, done.is_ok() && !wanted.dry_run).await?;
            if done.is_ok() && !wanted.dry_run {
                sets::forget_sets(engine.store.pool(), deploy.row.id, set).await?;
            }
            let error = done.as_ref().err().map(Error::story);
            // What a deploy that never got as far would have led to, nobody knows.
            let context = after
                .into_inner()
                .map(|after: Value| json!({"before": before, "after": after}));
            let parent = Some(begun);
            record(task, action, name, parent, error.as_deref(), context).await?;
            done
        },
    )
    .await?;
    Ok(format!("/deployments/{name}"))
}

impl DeployTask<'_> {
    /// `after` gets to know what the deployment will be made of, as soon as that is decided.
    async fn carry_out(&self, after: &OnceLock<Value>) -> Result<(), Error> {
        let Some(ready) = self.get_ready().await? else {
            return Ok(());
        };
        let Ready {
            known,
            draft,
            decided,
            text,
        } = &ready;
        after.get_or_init(|| wanted(known));
        self.say_how_machines_are_renewed(known, draft, decided);
        self.delete_obsolete(known, draft).await?;
        self.rename_cpis(known, draft).await?;
        let made = self.create_missing(known, draft, decided).await?;
        dns::add_aliases(self.engine, self.task, self.row.id, &draft.links).await?;
        self.update_groups(known, draft, decided, &made).await?;
        self.finish(known, draft, decided, text).await?;
        dns::drop_aliases(self.engine, self.task, self.row.id, &draft.links).await
    }

    /// Says so where machines are not made anew in the way that the manifest asks for.
    fn say_how_machines_are_renewed(&self, known: &Known, draft: &Draft, decided: &Decided) {
        for group in &draft.groups {
            if group.update.vm_strategy != VmStrategy::CreateSwapDelete {
                continue;
            }
            let renewed = group.instances.iter().filter(|plan| {
                let has_vm = plan
                    .existing
                    .is_some_and(|at| known.existing.instances[at].vm.is_some());
                let changes = decided.changes.get(&plan.uuid);
                has_vm && changes.is_some_and(|all| all.iter().any(|one| one.needs_new_vm()))
            });
            let count = renewed.count();
            if count > 0 {
                self.task.warn(&format!(
                    "Instance group '{}' asks for the vm_strategy 'create-swap-delete', which this \
                     director does not have: {count} of its VMs are deleted before their successors \
                     are created",
                    group.name
                ));
            }
        }
    }

    /// Machines of CPIs that have got another name.
    async fn rename_cpis(&self, known: &Known, draft: &Draft) -> Result<(), Error> {
        let cpis = Cpis::read(self.engine, self.task).await?;
        let mut wanted = BTreeMap::new();
        for plan in draft.groups.iter().flat_map(|group| &group.instances) {
            if let Some(at) = plan.existing {
                wanted.insert(known.rows.instances[at].id, plan.cpi.as_str());
            }
        }
        cpis.rename(self.engine, &known.rows.vms, &wanted).await
    }

    /// Deletes instances of groups that are gone.
    async fn delete_obsolete(&self, known: &Known, draft: &Draft) -> Result<(), Error> {
        let gone: Vec<instances::Instance> = known
            .rows
            .instances
            .iter()
            .filter(|row| draft.obsolete.contains(&row.id))
            .cloned()
            .collect();
        let stage = Stage::new(self.task, "Deleting unneeded instances", gone.len(), &[]);
        self.delete_instances(stage, gone, self.engine.config.max_threads)
            .await
    }

    async fn delete_instances(
        &self,
        stage: Stage,
        gone: Vec<instances::Instance>,
        at_once: usize,
    ) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        many::each(gone, at_once, |row| {
            let stage = stage.clone();
            async move {
                let title = format!("{} ({})", row.name(), row.index_number);
                stage
                    .run(&title, |_| {
                        super::delete_deployment::delete_instance(
                            self.engine,
                            self.task,
                            &row,
                            false,
                        )
                    })
                    .await
            }
        })
        .await?;
        dns::broadcast(self.engine, self.task).await
    }

    /// Makes machines for instances that have none and are changed; the answer is their ids.
    pub(super) async fn create_missing(
        &self,
        known: &Known,
        draft: &Draft,
        decided: &Decided,
    ) -> Result<Vec<String>, Error> {
        let input = known.input();
        let mut missing = Vec::new();
        for group in &draft.groups {
            for plan in &group.instances {
                let has_vm = plan
                    .existing
                    .is_some_and(|at| known.existing.instances[at].vm.is_some());
                if !has_vm
                    && plan.state != State::Detached
                    && decided.changes.contains_key(&plan.uuid)
                {
                    missing.push((group, plan));
                }
            }
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let stage = Stage::new(self.task, "Creating missing vms", missing.len(), &[]);
        let made: Vec<String> = missing.iter().map(|(_, plan)| plan.uuid.clone()).collect();
        let input = &input;
        many::each(missing, self.engine.config.max_threads, |(group, plan)| {
            let stage = stage.clone();
            async move {
                let row = self.row_of(known, plan)?;
                stage
                    .run(&plan.title(&group.name), |_| async {
                        self.task.check()?;
                        let wanted = vm::Wanted {
                            input,
                            group,
                            plan,
                            row,
                            disk_cids: Vec::new(),
                            variables: &self.variables,
                            active: true,
                        };
                        let machine = update::create(self.engine, self.task, &wanted, row).await?;
                        dns::write(
                            self.engine,
                            &self.row.name,
                            group,
                            plan,
                            row,
                            Some(&machine),
                        )
                        .await?;
                        Ok(())
                    })
                    .await
            }
        })
        .await?;
        dns::broadcast(self.engine, self.task).await?;
        Ok(made)
    }

    pub(super) fn row_of<'k>(
        &self,
        known: &'k Known,
        plan: &InstancePlan,
    ) -> Result<&'k instances::Instance, Error> {
        plan.existing
            .and_then(|at| known.rows.instances.get(at))
            .ok_or_else(|| Error::refused(100, format!("instance {} has no row", plan.uuid)))
    }

    /// Updates groups in their order.
    async fn update_groups(
        &self,
        known: &Known,
        draft: &Draft,
        decided: &Decided,
        made: &[String],
    ) -> Result<(), Error> {
        for run in order::groups(&draft.groups) {
            self.task.check()?;
            let updates = run
                .into_iter()
                .map(|at| self.update_group(known, &draft.groups[at], decided, made))
                .collect();
            for done in many::join_all(updates).await {
                done?;
            }
        }
        Ok(())
    }

    pub(super) async fn update_group(
        &self,
        known: &Known,
        group: &Group,
        decided: &Decided,
        made: &[String],
    ) -> Result<(), Error> {
        let gone: Vec<instances::Instance> = known
            .rows
            .instances
            .iter()
            .filter(|row| group.surplus.contains(&row.id))
            .cloned()
            .collect();
        let at_once = group
            .update
            .max_in_flight
            .of(group.instances.len())
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(1);
        let stage = Stage::new(
            self.task,
            "Deleting unneeded instances",
            gone.len(),
            &[&group.name],
        );
        self.delete_instances(stage, gone, at_once).await?;
        let changed: Vec<usize> = (0..group.instances.len())
            .filter(|at| {
                decided
                    .changes
                    .get(&group.instances[*at].uuid)
                    .is_some_and(|changes| !changes.is_empty())
            })
            .collect();
        let is_first = self.row.manifest.is_none();
        let stage = Stage::new(
            self.task,
            "Updating instance",
            changed.len(),
            &[&group.name],
        );
        for batch in order::batches(group, &changed, is_first) {
            let watch = if batch.canaries {
                group.update.canary_watch_time
            } else {
                group.update.update_watch_time
            };
            many::each(batch.instances, batch.at_once, |at| {
                self.update_instance(
                    known,
                    group,
                    &group.instances[at],
                    decided,
                    made,
                    stage.clone(),
                    (watch, batch.canaries),
                )
            })
            .await?;
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that one update follows from"
    )]
    pub(super) async fn update_instance(
        &self,
        known: &Known,
        group: &Group,
        plan: &InstancePlan,
        decided: &Decided,
        made: &[String],
        stage: Stage,
        (watch, canary): (WatchTime, bool),
    ) -> Result<(), Error> {
        let input = known.input();
        let row = self.row_of(known, plan)?.clone();
        let responds = plan
            .existing
            .is_none_or(|at| known.existing.instances[at].agent != AgentState::Unresponsive);
        let empty = (Files::default(), serde_json::Value::Null, Vec::new());
        let skip_drain = self
            .wanted
            .skip_drain
            .iter()
            .any(|name| name == "*" || *name == group.name);
        let update = Update {
            engine: self.engine,
            task: self.task,
            input: &input,
            group,
            plan,
            files: decided.files.get(&plan.uuid).unwrap_or(&empty.0),
            packages: decided.packages.get(&group.name).unwrap_or(&empty.1),
            changes: decided.changes.get(&plan.uuid).unwrap_or(&empty.2),
            variables: &self.variables,
            skip_drain,
            is_new: made.contains(&plan.uuid),
            waits: self.waits,
            responds,
        };
        let canary = if canary { " (canary)" } else { "" };
        let title = format!("{}{canary}", plan.title(&group.name));
        stage
            .run(&title, |step| async move {
                self.task.check()?;
                update.run(&step, row, watch).await
            })
            .await
    }

    /// Runs what comes last, and remembers what was carried out.
    async fn finish(
        &self,
        known: &Known,
        draft: &Draft,
        decided: &Decided,
        text: &str,
    ) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        let any = decided.changes.values().any(|changes| !changes.is_empty());
        if any {
            self.post_deploy(draft, decided).await?;
        }
        let mut tx = self.engine.store.begin().await?;
        for (at, group) in draft.groups.iter().enumerate() {
            let links: Vec<i64> = (0..group.jobs.len())
                .flat_map(|job| decided.links.get(&(at, job)).cloned().unwrap_or_default())
                .collect();
            for plan in &group.instances {
                let mut row = self.row_of(known, plan)?.clone();
                if let Some(fresh) = instances::find(&mut *tx, row.id).await? {
                    row = fresh;
                }
                if !plan.ignored {
                    row.variable_set_id = self.variables.set();
                    instances::save(&mut *tx, &row).await?;
                }
                let serial = self.row.links_serial_id;
                rows::set_of_instance(&mut tx, row.id, &links, serial).await?;
            }
        }
        let manifest = warren_wire_manifest::yaml::Value::Map(known.documents.manifest.clone());
        let manifest = warren_director_plan::json::from_manifest(&manifest).to_string();
        deployments::set_manifest(&mut *tx, self.row.id, &manifest, text).await?;
        let mut configs = self.wanted.cloud_configs.clone();
        configs.extend(&self.wanted.runtime_configs);
        deployments::set_configs(&mut tx, self.row.id, &configs).await?;
        let ids: Vec<i64> = known.releases.iter().map(|release| release.id).collect();
        let what = deployments::Reference::ReleaseVersion;
        deployments::refer_only(&mut tx, self.row.id, what, &ids).await?;
        let ids: Vec<i64> = known
            .stemcells
            .iter()
            .flat_map(|one| one.ids.values().copied())
            .collect();
        let what = deployments::Reference::Stemcell;
        deployments::refer_only(&mut tx, self.row.id, what, &ids).await?;
        let serial = deployments::find(&mut *tx, &self.row.name)
            .await?
            .map_or(0, |row| row.links_serial_id);
        rows::clean_up(&mut tx, self.row.id, serial).await?;
        disks::commit(tx).await?;
        let left = vms::of_deployment(pool, self.row.id).await?.len();
        self.task.log(&format!("done: {left} machines"));
        Ok(())
    }

    async fn post_deploy(&self, draft: &Draft, decided: &Decided) -> Result<(), Error> {
        let mut agents = Vec::new();
        for row in instances::of_deployment(self.engine.store.pool(), self.row.id).await? {
            let is_planned = draft.groups.iter().any(|group| {
                group.lifecycle == Lifecycle::Service
                    && group
                        .instances
                        .iter()
                        .any(|plan| plan.uuid == row.uuid && !plan.ignored)
            });
            if is_planned
                && decided.changes.contains_key(&row.uuid)
                && row.state == "started"
                && let Some(machine) = update::active(self.engine, row.id).await?
            {
                agents.push(self.engine.bus.agent(&machine.agent_id));
            }
        }
        many::each(agents, self.engine.config.max_threads, |agent| async move {
            agent
                .run_script("post-deploy", Map::new(), self.task)
                .await?;
            Ok(())
        })
        .await
    }
}
