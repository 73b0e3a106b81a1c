//! What comes last in a deploy.

use serde_json::Map;
use warren_director_plan::Draft;
use warren_director_store::{deployments, instances, links as rows, vms};
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
