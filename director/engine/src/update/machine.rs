//! An instance's machine: the one that counts, another one in its place.

use warren_director_store::vms::Vm;
use warren_director_store::{instances, vms};

use super::Update;
use crate::{Engine, Error, Task, disks, swap, vm};

impl Update<'_> {
    /// Whether the instance gets another machine.
    pub(super) fn renews(&self) -> bool {
        self.plan.swap.is_some() || self.changes.iter().any(|change| change.needs_new_vm())
    }

    /// Puts the machine that waits for it in the place of the old one.
    pub(super) async fn swap(&self, row: &instances::Instance, old: &Vm) -> Result<Vm, Error> {
        let (engine, task) = (self.engine, self.task);
        // Nothing is taken from the old one for nothing.
        let spare = swap::spare(engine, row).await?;
        disks::detach_all(engine, task, row, old, self.responds).await?;
        let new = match self.responds {
            true => swap::take_place(engine, task, row, old, spare).await?,
            false => swap::take_place_of_silent(engine, task, row, old, spare).await?,
        };
        let tags = &self.group.tags;
        disks::attach_all(engine, task, disks::Owner { row, tags }, &new).await?;
        Ok(new)
    }

    pub(super) async fn create_machine(&self, row: &instances::Instance) -> Result<Vm, Error> {
        create(self.engine, self.task, &self.wanted(row, Vec::new()), row).await
    }

    pub(super) async fn delete_machine(
        &self,
        row: &instances::Instance,
        old: &Vm,
    ) -> Result<(), Error> {
        disks::detach_all(self.engine, self.task, row, old, self.responds).await?;
        vm::delete(self.engine, self.task, old, &row.name()).await
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
        if !*left.active && !*left.spare {
            vm::delete(engine, task, &left, &row.name()).await?;
        }
    }
    // Until all disks are on it.
    disks::begin(engine, row.id).await?;
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
    let tags = &wanted.group.tags;
    disks::attach_all(engine, task, disks::Owner { row, tags }, &vm).await?;
    Ok(vm)
}
