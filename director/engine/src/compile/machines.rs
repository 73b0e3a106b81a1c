//! Machines that compile: as many as are wanted, kept for the next package of their stemcell if that is wanted.

use tokio::sync::Mutex;
use warren_director_plan::Input;
use warren_director_store::vms::Vm;
use warren_director_store::{instances, uuid};

use super::sweep::forget;
use crate::many::join_all;
use crate::variables::Variables;
use crate::{Engine, Error, Task, swap, vm};

/// A machine that compiles.
pub(super) struct Machine {
    stemcell: usize,
    instance: instances::Instance,
    pub(super) vm: Vm,
}

/// The machines that compile for one deployment.
pub(super) struct Machines<'a> {
    pub(super) engine: &'a Engine,
    pub(super) task: &'a Task,
    pub(super) input: &'a Input<'a>,
    deployment_id: i64,
    pub(super) variables: &'a Variables,
    all: Mutex<Kept>,
}

/// What there is of machines.
#[derive(Default)]
struct Kept {
    /// Those without work.
    idle: Vec<Machine>,
    /// How many there are, with those that are being made.
    alive: usize,
}

impl<'a> Machines<'a> {
    /// None yet.
    pub(super) fn new(
        engine: &'a Engine,
        task: &'a Task,
        input: &'a Input<'a>,
        deployment_id: i64,
        variables: &'a Variables,
    ) -> Self {
        Self {
            engine,
            task,
            input,
            deployment_id,
            variables,
            all: Mutex::default(),
        }
    }
}

impl Machines<'_> {
    /// A machine of a stemcell: an idle one, or a new one, which may take the place of an idle one of
    /// another stemcell.
    pub(super) async fn take(&self, stemcell: usize, package: &str) -> Result<Machine, Error> {
        let most = self.input.cloud.compilation.workers as usize;
        let evicted = {
            let mut all = self.all.lock().await;
            let mut idle = all.idle.iter();
            if let Some(at) = idle.position(|one| one.stemcell == stemcell) {
                return Ok(all.idle.swap_remove(at));
            }
            let is_full = all.alive >= most && !all.idle.is_empty();
            all.alive += usize::from(!is_full);
            is_full.then(|| all.idle.remove(0))
        };
        let made = async {
            if let Some(machine) = evicted {
                self.remove(machine).await?;
            }
            self.make(stemcell, package).await
        };
        let made = made.await;
        if made.is_err() {
            self.all.lock().await.alive -= 1;
        }
        made
    }

    /// Takes one back that was taken, to keep it if it worked and machines are kept.
    pub(super) async fn give_back(&self, machine: Machine, worked: bool) -> Result<(), Error> {
        if worked && self.input.cloud.compilation.reuse_compilation_vms {
            self.all.lock().await.idle.push(machine);
            return Ok(());
        }
        let removed = self.remove(machine).await;
        self.all.lock().await.alive -= 1;
        removed
    }

    /// Removes those without work.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        let idle = std::mem::take(&mut *self.all.lock().await).idle;
        let deleted = join_all(idle.into_iter().map(|one| self.remove(one)).collect()).await;
        deleted.into_iter().collect()
    }

    async fn remove(&self, machine: Machine) -> Result<(), Error> {
        let (engine, task, row) = (self.engine, self.task, &machine.instance);
        if self.input.cloud.compilation.orphan_workers {
            swap::let_go(engine, task, row, &machine.vm).await?;
        } else {
            vm::delete(engine, task, &machine.vm, &row.name()).await?;
        }
        forget(engine, row.id).await
    }

    async fn make(&self, stemcell: usize, package: &str) -> Result<Machine, Error> {
        let (engine, input) = (self.engine, self.input);
        let compilation = &input.cloud.compilation;
        let group = format!("compilation-{}", uuid::new());
        let new = instances::New {
            deployment_id: self.deployment_id,
            job: &group,
            index: 0,
            uuid: &uuid::new(),
            state: "started",
            availability_zone: compilation.az.as_deref(),
            bootstrap: false,
            compilation: true,
            variable_set_id: self.variables.set(),
        };
        let instance = instances::create(engine.store.pool(), &new).await?;
        let made = self.boot(stemcell, package, &instance).await;
        match made {
            Ok(vm) => Ok(Machine {
                stemcell,
                instance,
                vm,
            }),
            Err(error) => {
                if let Err(second) = forget(engine, instance.id).await {
                    self.task.log(&second.story());
                }
                Err(error)
            }
        }
    }
}
