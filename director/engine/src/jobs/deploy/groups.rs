//! Groups and their instances, updated in their order.

use warren_director_plan::{AgentState, Draft, Group, InstancePlan, order};
use warren_director_store::instances;
use warren_wire_manifest::deployment::WatchTime;

use crate::event_log::Stage;
use crate::jobs::planning::{Decided, DeployTask, Known};
use crate::render::Files;
use crate::update::Update;
use crate::{Error, many};

impl DeployTask<'_> {
    /// Updates groups in their order.
    pub(super) async fn update_groups(
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

    pub(in crate::jobs) async fn update_group(
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

    /// Whether jobs of a group are not drained.
    pub(super) fn skips_drain(&self, group: &str) -> bool {
        let mut names = self.wanted.skip_drain.iter();
        names.any(|name| name == "*" || name == group)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that one update follows from"
    )]
    pub(in crate::jobs) async fn update_instance(
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
            skip_drain: self.skips_drain(&group.name),
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
}
