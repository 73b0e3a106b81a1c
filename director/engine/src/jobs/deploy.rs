//! `create deployment`: a manifest becomes machines. See `docs/design/director.md` for the steps.

mod finish;
mod groups;
mod missing;
mod spares;
mod unneeded;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value, json};
use warren_director_plan::{Draft, InstancePlan};
use warren_director_store::work::Deploy;
use warren_director_store::{deployments, instances, variables as sets};

use super::deploy_events::{record, used, wanted};
use super::planning::{DeployTask, Known, Ready, Scope};
use crate::cpis::Cpis;
use crate::variables::Variables;
use crate::{Engine, Error, Task, alerts, dns, lock};

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
            let tell = |how| {
                if !wanted.dry_run {
                    alerts::deploy(engine, task, name, how);
                }
            };
            tell(alerts::Deploy::Begin);
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
            tell(match &done {
                Ok(()) => alerts::Deploy::Finish,
                Err(error) => alerts::Deploy::Error(error),
            });
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
        if decided.changes.values().any(|changes| !changes.is_empty()) {
            // Should this break off after the last update, the next deploy finds nothing to change.
            deployments::set_post_deploy_due(self.engine.store.pool(), self.row.id, true).await?;
        }
        self.let_go_of_unfit(known, draft).await?;
        self.delete_obsolete(known, draft).await?;
        self.rename_cpis(known, draft).await?;
        let made = self.create_missing(known, draft, decided).await?;
        self.fetch_packages(known, draft, decided).await?;
        dns::add_aliases(self.engine, self.task, self.row.id, &draft.links).await?;
        self.update_groups(known, draft, decided, &made).await?;
        self.finish(known, draft, decided, text).await?;
        dns::drop_aliases(self.engine, self.task, self.row.id, &draft.links).await
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

    pub(super) fn row_of<'k>(
        &self,
        known: &'k Known,
        plan: &InstancePlan,
    ) -> Result<&'k instances::Instance, Error> {
        plan.existing
            .and_then(|at| known.rows.instances.get(at))
            .ok_or_else(|| Error::refused(100, format!("instance {} has no row", plan.uuid)))
    }
}
