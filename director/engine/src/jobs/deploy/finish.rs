//! What comes last in a deploy.

use serde_json::{Map, Value};
use warren_director_plan::changes::Change;
use warren_director_plan::{Draft, InstancePlan, State, spec};
use warren_director_store::{Transaction, deployments, instances, links as rows, vms};
use warren_wire_manifest::deployment::Lifecycle;

use crate::jobs::planning::{Decided, DeployTask, Known};
use crate::{Error, disks, many, update};

impl DeployTask<'_> {
    /// Runs what comes last, and remembers what was carried out.
    pub(super) async fn finish(
        &self,
        known: &Known,
        draft: &Draft,
        decided: &Decided,
        text: &str,
    ) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        if deployments::is_post_deploy_due(pool, self.row.id).await? {
            self.post_deploy(draft, decided).await?;
        }
        let mut tx = self.engine.store.begin().await?;
        deployments::set_post_deploy_due(&mut *tx, self.row.id, false).await?;
        for (at, group) in draft.groups.iter().enumerate() {
            let links: Vec<i64> = (0..group.jobs.len())
                .flat_map(|job| decided.links.get(&(at, job)).cloned().unwrap_or_default())
                .collect();
            for plan in &group.instances {
                let mut row = self.row_of(known, plan)?.clone();
                if let Some(fresh) = instances::find(&mut *tx, row.id).await? {
                    row = fresh;
                }
                // A machine that stays what it was though it shall be another is compared with the values
                // of then.
                let changes = decided.changes.get(&plan.uuid).into_iter().flatten();
                let is_old = plan.state == State::Stopped
                    && (plan.swap.is_some() || changes.copied().any(Change::needs_new_vm));
                if !plan.ignored && !is_old {
                    row.variable_set_id = self.variables.set();
                    instances::save(&mut *tx, &row).await?;
                    self.reword(&mut tx, known, plan, row.id).await?;
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

    /// Has the row of a machine that stayed say what the manifest says now. The values are the same, but the
    /// old placeholders may stand for nothing in the new set; rows of older directors have the values.
    async fn reword(
        &self,
        tx: &mut Transaction,
        known: &Known,
        plan: &InstancePlan,
        instance: i64,
    ) -> Result<(), Error> {
        let Some(old) = known.rows.vm_of(instance) else {
            return Ok(());
        };
        let properties = Value::Object(plan.cloud_properties.clone()).to_string();
        let networks = Value::Object(spec::networks(plan)).to_string();
        let has_dynamic = plan.networks.iter().any(|one| one.kind == "dynamic");
        let differs = |row: &Option<String>, now: &String| {
            let has = |text: &String| text.contains("((");
            row.as_ref() != Some(now) && (has(now) || row.as_ref().is_some_and(has))
        };
        // What the infrastructure gave is in the row alone.
        let other_networks = !has_dynamic && differs(&old.network_spec, &networks);
        if !other_networks && !differs(&old.cloud_properties, &properties) {
            return Ok(());
        }
        let all = vms::of_instance(&mut **tx, instance).await?;
        // One that was made anew says it already.
        if let Some(mut vm) = all.into_iter().find(|vm| vm.id == old.id && *vm.active) {
            vm.cloud_properties = Some(properties);
            if other_networks {
                vm.network_spec = Some(networks);
            }
            vms::save(&mut **tx, &vm).await?;
        }
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
