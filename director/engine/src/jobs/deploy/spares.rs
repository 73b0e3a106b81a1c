//! Machines that wait to take the place of others: made beside them, with what they need, before anything
//! is stopped.

use serde_json::{Value, json};
use warren_director_plan::spec::{self, Rendered};
use warren_director_plan::{Draft, Group, InstancePlan};

use crate::event_log::Stage;
use crate::jobs::planning::{Decided, DeployTask, Known};
use crate::signed::give_spec;
use crate::{Error, many, swap};

/// Instances that are swapped.
fn swapped(draft: &Draft) -> impl Iterator<Item = (&Group, &InstancePlan)> {
    draft.groups.iter().flat_map(|group| {
        let plans = group.instances.iter().filter(|plan| plan.swap.is_some());
        plans.map(move |plan| (group, plan))
    })
}

impl DeployTask<'_> {
    /// Lets machines go that waited for what is not wanted any more.
    pub(super) async fn let_go_of_unfit(&self, known: &Known, draft: &Draft) -> Result<(), Error> {
        for plan in draft.groups.iter().flat_map(|group| &group.instances) {
            for id in &plan.unfit {
                let row = self.row_of(known, plan)?;
                if let Some(spare) = known.rows.vms.iter().find(|vm| vm.id == *id) {
                    swap::let_go(self.engine, self.task, row, spare).await?;
                }
            }
        }
        Ok(())
    }

    /// Has machines that are about to take others' places fetch their packages.
    pub(super) async fn fetch_packages(
        &self,
        known: &Known,
        draft: &Draft,
        decided: &Decided,
    ) -> Result<(), Error> {
        let all: Vec<(&Group, &InstancePlan)> = swapped(draft).collect();
        let stage = Stage::new(self.task, "Downloading packages", all.len(), &[]);
        many::each(all, self.engine.config.max_threads, |(group, plan)| {
            let stage = stage.clone();
            async move {
                stage
                    .run(&plan.title(&group.name), |_| {
                        self.fetch(known, group, plan, decided)
                    })
                    .await
            }
        })
        .await
    }

    async fn fetch(
        &self,
        known: &Known,
        group: &Group,
        plan: &InstancePlan,
        decided: &Decided,
    ) -> Result<(), Error> {
        self.task.check()?;
        let row = self.row_of(known, plan)?;
        let spare = swap::spare(self.engine, row).await?;
        let networks = self.variables.resolve_map(&spec::networks(plan)).await?;
        let nothing = Value::Null;
        let packages = decided.packages.get(&group.name).unwrap_or(&nothing);
        let rendered = Rendered::default();
        let mut document = spec::apply(&known.input(), group, plan, &networks, packages, &rendered);
        // Jobs come when the old ones have ended.
        document["job"] = json!({});
        give_spec(self.engine, self.task, &spare, "prepare", &document, None).await
    }
}
