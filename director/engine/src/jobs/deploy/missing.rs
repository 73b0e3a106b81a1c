//! Machines that there are not yet.

use warren_director_plan::{Draft, Group, InstancePlan, State, Swap};
use warren_director_store::disks;

use crate::event_log::Stage;
use crate::jobs::planning::{Decided, DeployTask, Known};
use crate::{Error, dns, many, update, vm};

/// A machine that there is not yet.
struct Missing<'a> {
    group: &'a Group,
    plan: &'a InstancePlan,
    /// Whether it is to take the place of one that there is.
    waits: bool,
}

impl DeployTask<'_> {
    /// Makes machines for instances that have none and are changed, and those that are to take others'
    /// places; the answer is the ids of instances that had none.
    pub(in crate::jobs) async fn create_missing(
        &self,
        known: &Known,
        draft: &Draft,
        decided: &Decided,
    ) -> Result<Vec<String>, Error> {
        let all = missing(known, draft, decided);
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let stage = Stage::new(self.task, "Creating missing vms", all.len(), &[]);
        let had_none = all.iter().filter(|one| !one.waits);
        let made: Vec<String> = had_none.map(|one| one.plan.uuid.clone()).collect();
        many::each(all, self.engine.config.max_threads, |one| {
            let stage = stage.clone();
            async move {
                let title = one.plan.title(&one.group.name);
                stage.run(&title, |_| self.create_one(known, &one)).await
            }
        })
        .await?;
        dns::broadcast(self.engine, self.task).await?;
        Ok(made)
    }

    async fn create_one(&self, known: &Known, one: &Missing<'_>) -> Result<(), Error> {
        self.task.check()?;
        let (engine, task) = (self.engine, self.task);
        let row = self.row_of(known, one.plan)?;
        let mut wanted = vm::Wanted {
            input: &known.input(),
            group: one.group,
            plan: one.plan,
            row,
            disk_cids: Vec::new(),
            variables: &self.variables,
            active: !one.waits,
        };
        if one.waits {
            // It gets them later; a CPI may make it where they can be attached.
            let disks = disks::of_instance(engine.store.pool(), row.id).await?;
            let active = disks.into_iter().filter(|disk| *disk.active);
            wanted.disk_cids = active.map(|disk| disk.disk_cid).collect();
            return vm::create(engine, task, &wanted).await.map(drop);
        }
        let machine = update::create(engine, task, &wanted, row).await?;
        let (name, group, plan) = (&self.row.name, one.group, one.plan);
        dns::write(engine, name, group, plan, row, Some(&machine)).await?;
        Ok(())
    }
}

fn missing<'d>(known: &Known, draft: &'d Draft, decided: &Decided) -> Vec<Missing<'d>> {
    let mut all = Vec::new();
    for group in &draft.groups {
        for plan in &group.instances {
            let has_vm = plan
                .existing
                .is_some_and(|at| known.existing.instances[at].vm.is_some());
            let is_missing = !has_vm
                && plan.state != State::Detached
                && decided.changes.contains_key(&plan.uuid);
            let waits = plan.swap == Some(Swap { spare: None });
            if is_missing || waits {
                all.push(Missing { group, plan, waits });
            }
        }
    }
    all
}
