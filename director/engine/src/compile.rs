//! Packages compiled on machines that live for it.
//!
//! ```text
//! tasks of the plan ──► ready when all that they need is compiled ──► a worker: a machine of the
//! stemcell, compile_package, a row ──► others become ready
//! ```
//!
//! As many machines as `compilation.workers` says; each is kept for the next package of its stemcell if
//! `reuse_compilation_vms` says so, and goes if one of another stemcell is needed in its place. A package
//! that another deploy is compiling is waited for. After a failure nothing is begun any more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Notify};
use warren_director_plan::compile::{Task as Wanted, first_like, plan};
use warren_director_plan::machine::{self, Base};
use warren_director_plan::{Compiled, Draft, Group, Input, InstancePlan, NetworkPlan, State};
use warren_director_store::compiled_packages::{self, New};
use warren_director_store::vms::Vm;
use warren_director_store::{instances, ips, uuid};
use warren_lib_telemetry::metrics::Counter;
use warren_wire_manifest::cloud_config::NetworkKind;
use warren_wire_manifest::deployment::Lifecycle;

use crate::event_log::Stage;
use crate::many::join_all;
use crate::variables::Variables;
use crate::{Engine, Error, Task, lock, signed, swap, vm};

static COMPILATIONS: Counter = Counter::new(
    "bosh_director_compilations_total",
    "Packages that were compiled, by outcome.",
);

/// What every package was compiled to, by place of release, package and stemcell.
pub type Outcome = BTreeMap<(usize, usize, usize), Compiled>;

/// Compiles what a draft needs and is not compiled yet.
pub async fn all(
    engine: &Engine,
    task: &Task,
    input: &Input<'_>,
    draft: &Draft,
    deployment_id: i64,
    variables: &Variables,
) -> Result<Outcome, Error> {
    let wanted = plan(input, draft)?;
    let open = wanted.iter().filter(|one| one.compiled.is_none()).count();
    let mut outcome: Outcome = wanted
        .iter()
        .filter_map(|one| {
            let compiled = one.compiled.clone()?;
            Some(((one.release, one.package, one.stemcell), compiled))
        })
        .collect();
    if open == 0 {
        return Ok(spread(input, outcome));
    }
    let machines = Machines {
        engine,
        task,
        input,
        deployment_id,
        variables,
        all: Mutex::new(Kept::default()),
    };
    let compiled = run(&machines, &wanted, open).await;
    let cleaned = machines.clear().await;
    outcome.extend(compiled?);
    cleaned?;
    Ok(spread(input, outcome))
}

/// Has what was compiled on a stemcell for all stemcells of its OS and version.
fn spread(input: &Input<'_>, mut outcome: Outcome) -> Outcome {
    for stemcell in 0..input.stemcells.len() {
        let first = first_like(input, stemcell);
        if first == stemcell {
            continue;
        }
        let same: Vec<_> = outcome
            .iter()
            .filter(|((_, _, on), _)| *on == first)
            .map(|((release, package, _), one)| ((*release, *package, stemcell), one.clone()))
            .collect();
        outcome.extend(same);
    }
    outcome
}

/// Compiles in order, several at once.
async fn run(machines: &Machines<'_>, wanted: &[Wanted], open: usize) -> Result<Outcome, Error> {
    let stage = Stage::new(machines.task, "Compiling packages", open, &[]);
    let done: Mutex<BTreeMap<usize, Result<Compiled, ()>>> = Mutex::new(
        wanted
            .iter()
            .enumerate()
            .filter_map(|(place, one)| Some((place, Ok(one.compiled.clone()?))))
            .collect(),
    );
    let changed = Notify::new();
    let has_failed = AtomicBool::new(false);
    let turns = tokio::sync::Semaphore::new(machines.input.cloud.compilation.workers as usize);
    let one = |place: usize| {
        let (done, changed, turns, stage) = (&done, &changed, &turns, &stage);
        let has_failed = &has_failed;
        async move {
            let wanted_one = &wanted[place];
            loop {
                let waiting = changed.notified();
                let known = done.lock().await;
                if wanted_one
                    .after
                    .iter()
                    .all(|needed| known.contains_key(needed))
                {
                    break;
                }
                drop(known);
                waiting.await;
            }
            let needs: Result<Vec<(usize, Compiled)>, ()> = {
                let known = done.lock().await;
                wanted_one
                    .after
                    .iter()
                    .map(|needed| known[needed].clone().map(|compiled| (*needed, compiled)))
                    .collect()
            };
            let result = match needs {
                // What it needs has failed, or was not begun, which is told there.
                Err(()) => Err(None),
                Ok(needs) => {
                    let _turn = turns.acquire().await;
                    if has_failed.load(Ordering::Relaxed) {
                        Err(None)
                    } else {
                        let compiled = compile_one(machines, stage, wanted, place, &needs).await;
                        // Before the turn is another's.
                        has_failed.fetch_or(compiled.is_err(), Ordering::Relaxed);
                        compiled.map_err(Some)
                    }
                }
            };
            let mut known = done.lock().await;
            known.insert(place, result.as_ref().map(Clone::clone).map_err(|_| ()));
            drop(known);
            changed.notify_waiters();
            result.map(|compiled| (place, compiled))
        }
    };
    let open: Vec<usize> = (0..wanted.len())
        .filter(|place| wanted[*place].compiled.is_none())
        .collect();
    let results = join_all(open.into_iter().map(one).collect()).await;
    let mut outcome = Outcome::new();
    let mut first = None;
    for result in results {
        match result {
            Ok((place, compiled)) => {
                let one = &wanted[place];
                outcome.insert((one.release, one.package, one.stemcell), compiled);
            }
            Err(Some(error)) if first.is_none() => first = Some(error),
            Err(_) => {}
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

async fn compile_one(
    machines: &Machines<'_>,
    stage: &Stage,
    wanted: &[Wanted],
    place: usize,
    needs: &[(usize, Compiled)],
) -> Result<Compiled, Error> {
    let one = &wanted[place];
    let input = machines.input;
    let package = &input.releases[one.release].packages[one.package];
    let stemcell = &input.stemcells[one.stemcell];
    let title = format!("{}/{}", package.name, package.fingerprint);
    stage
        .run(&title, |_| async {
            machines.task.check()?;
            let name = format!(
                "lock:compile:{}:{}/{}",
                package.id, stemcell.os, stemcell.version
            );
            let patience = std::time::Duration::from_secs(900);
            lock::with(machines.task, &name, patience, async {
                if let Some(compiled) = found(machines, one).await? {
                    return Ok(compiled);
                }
                let machine = machines.take(one.stemcell, &package.name).await?;
                let result = ask(machines, &machine, wanted, one, needs).await;
                machines.give_back(machine, result.is_ok()).await?;
                result
            })
            .await
        })
        .await
}

/// What another deploy has compiled meanwhile.
async fn found(machines: &Machines<'_>, one: &Wanted) -> Result<Option<Compiled>, Error> {
    let package = &machines.input.releases[one.release].packages[one.package];
    let stemcell = &machines.input.stemcells[one.stemcell];
    let pool = machines.engine.store.pool();
    let rows = compiled_packages::of_package(pool, package.id).await?;
    Ok(rows
        .into_iter()
        .find(|row| {
            row.stemcell_os == stemcell.os
                && row.stemcell_version == stemcell.version
                && row.dependency_key == one.dependency_key
        })
        .map(compiled))
}

fn compiled(row: compiled_packages::CompiledPackage) -> Compiled {
    Compiled {
        os: row.stemcell_os,
        version: row.stemcell_version,
        dependency_key: row.dependency_key,
        build: row.build,
        blobstore_id: row.blobstore_id,
        sha1: row.sha1,
    }
}

async fn ask(
    machines: &Machines<'_>,
    machine: &Machine,
    wanted: &[Wanted],
    one: &Wanted,
    needs: &[(usize, Compiled)],
) -> Result<Compiled, Error> {
    let (engine, task, input) = (machines.engine, machines.task, machines.input);
    let package = &input.releases[one.release].packages[one.package];
    let stemcell = &input.stemcells[one.stemcell];
    let pool = engine.store.pool();
    let build =
        compiled_packages::next_build(pool, package.id, &stemcell.os, &stemcell.version).await?;
    let dependencies: Map<String, Value> = needs
        .iter()
        .map(|(place, compiled)| {
            let needed = &wanted[*place];
            let other = &input.releases[needed.release].packages[needed.package];
            let value = json!({
                "name": other.name,
                "version": format!("{}.{}", other.version, compiled.build),
                "sha1": compiled.sha1,
                "blobstore_id": compiled.blobstore_id,
            });
            (other.name.clone(), value)
        })
        .collect();
    let (blob, digest) = package.source.clone().unwrap_or_default();
    let version = format!("{}.{build}", package.version);
    let agent = engine.bus.agent(&machine.vm.agent_id);
    let answer = match signed::urls(engine, &machine.vm) {
        Some(urls) => {
            let argument = |upload: String| {
                let mut dependencies = dependencies.clone();
                for one in dependencies.values_mut() {
                    let id = one["blobstore_id"].as_str().unwrap_or_default();
                    one["package_get_signed_url"] = json!(urls.to_get(id));
                }
                json!({
                    "package_get_signed_url": urls.to_get(&blob),
                    "upload_signed_url": upload,
                    "digest": digest,
                    "name": package.name,
                    "version": version,
                    "deps": dependencies,
                })
            };
            let method = "compile_package_with_signed_url";
            let asked = signed::ask_for_blob(engine, task, &agent, method, urls, argument).await;
            asked.map(|(answer, result)| (answer, Some(result)))
        }
        None => {
            let arguments = vec![
                json!(blob),
                json!(digest),
                json!(package.name),
                json!(version),
                Value::Object(dependencies),
            ];
            let answer = agent.run("compile_package", arguments, task).await;
            answer.map(|answer| (answer, None)).map_err(Error::from)
        }
    };
    COMPILATIONS.count(&[("outcome", if answer.is_ok() { "ok" } else { "error" })]);
    let (answer, result) = answer?;
    let text = |key: &str| {
        answer
            .get("result")
            .and_then(|result| result.get(key))
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let blob = result.or_else(|| text("blobstore_id"));
    let (Some(blob), Some(sha1)) = (blob, text("sha1")) else {
        return Err(Error::refused(
            430_004,
            format!(
                "The agent compiled '{}' and did not say to which blob",
                package.name
            ),
        ));
    };
    let new = New {
        package_id: package.id,
        stemcell_os: &stemcell.os,
        stemcell_version: &stemcell.version,
        dependency_key: &one.dependency_key,
        dependency_key_sha1: &one.dependency_key_sha1,
        blobstore_id: &blob,
        sha1: &sha1,
    };
    Ok(compiled(
        compiled_packages::create(pool, &new, build).await?,
    ))
}

/// A machine that compiles.
struct Machine {
    stemcell: usize,
    instance: instances::Instance,
    vm: Vm,
}

struct Machines<'a> {
    engine: &'a Engine,
    task: &'a Task,
    input: &'a Input<'a>,
    deployment_id: i64,
    variables: &'a Variables,
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

impl Machines<'_> {
    /// A machine of a stemcell: an idle one, or a new one, which may take the place of an idle one of
    /// another stemcell.
    async fn take(&self, stemcell: usize, package: &str) -> Result<Machine, Error> {
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

    async fn give_back(&self, machine: Machine, worked: bool) -> Result<(), Error> {
        if worked && self.input.cloud.compilation.reuse_compilation_vms {
            self.all.lock().await.idle.push(machine);
            return Ok(());
        }
        let removed = self.remove(machine).await;
        self.all.lock().await.alive -= 1;
        removed
    }

    async fn clear(&self) -> Result<(), Error> {
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

    async fn boot(
        &self,
        stemcell: usize,
        package: &str,
        instance: &instances::Instance,
    ) -> Result<Vm, Error> {
        let input = self.input;
        let compilation = &input.cloud.compilation;
        let network = self.network(instance).await?;
        let cpi = machine::cpi(input.cloud, compilation.az.as_deref());
        let base = match (&compilation.vm_type, &compilation.vm_resources) {
            (Some(name), _) => Base::Type(name),
            (None, Some(resources)) => {
                let asked = self.engine.cpi_named(self.task, &cpi).await?;
                let size = machine::size(resources);
                Base::Properties(asked.calculate_vm_cloud_properties(size).await?)
            }
            (None, None) => Base::Properties(warren_director_plan::json::from_mapping(
                &compilation.cloud_properties,
            )),
        };
        let (az, extensions) = (compilation.az.as_deref(), &compilation.vm_extensions);
        let cloud_properties = machine::properties(input.cloud, az, base, extensions);
        let mut tags = Map::new();
        tags.insert("compiling".into(), json!(package));
        let plan = InstancePlan {
            existing: None,
            uuid: instance.uuid.clone(),
            index: 0,
            az: compilation.az.clone(),
            cpi,
            bootstrap: false,
            ignored: false,
            state: State::Started,
            once: None,
            networks: vec![network],
            obsolete_addresses: Vec::new(),
            idle_addresses: Vec::new(),
            swap: None,
            unfit: Vec::new(),
            cloud_properties,
        };
        let group = Group {
            name: instance.job.clone(),
            lifecycle: Lifecycle::Service,
            update: input.deployment.update.clone(),
            stemcell,
            jobs: Vec::new(),
            packages: BTreeMap::new(),
            instances: Vec::new(),
            surplus: Vec::new(),
            disks: Vec::new(),
            env: warren_director_plan::json::from_mapping(&compilation.env),
            vm_type: compilation.vm_type.clone(),
            vm_resources: None,
            tags,
            use_dns_addresses: false,
        };
        let wanted = vm::Wanted {
            input,
            group: &group,
            plan: &plan,
            row: instance,
            disk_cids: Vec::new(),
            variables: self.variables,
            active: true,
        };
        vm::create(self.engine, self.task, &wanted).await
    }

    /// The network of a machine that compiles, with an address that is reserved.
    async fn network(&self, instance: &instances::Instance) -> Result<NetworkPlan, Error> {
        let compilation = &self.input.cloud.compilation;
        let network = self
            .input
            .cloud
            .network(&compilation.network)
            .ok_or_else(|| {
                Error::refused(
                    120_001,
                    format!(
                        "Compilation config references unknown network: '{}'",
                        compilation.network
                    ),
                )
            })?;
        let default = vec!["dns".to_owned(), "gateway".to_owned()];
        let az = compilation.az.as_deref();
        if !matches!(network.kind, NetworkKind::Manual { .. }) {
            return Ok(NetworkPlan {
                name: network.name.clone(),
                kind: "dynamic",
                address: None,
                settings: warren_director_plan::settings::dynamic(network, az, &default),
                default,
                nic_group: None,
            });
        }
        loop {
            let taken = crate::inputs::taken(self.engine).await?;
            let mut pool = warren_director_plan::addresses::Pool::new(&taken);
            let address = warren_director_plan::addresses::allocate(
                network,
                az,
                &instance.name(),
                &mut pool,
            )?;
            let text = address.to_string();
            let new = ips::New {
                address: &text,
                network_name: &network.name,
                static_address: false,
                nic_group: None,
                instance_id: instance.id,
                task_id: Some(self.task.id),
            };
            match ips::reserve(self.engine.store.pool(), &new).await {
                // Another deploy was quicker.
                Err(error) if error.is_duplicate() => {}
                done => {
                    done?;
                    let subnet =
                        warren_director_plan::addresses::subnet_of(network, address.first());
                    return Ok(NetworkPlan {
                        name: network.name.clone(),
                        kind: "manual",
                        address: None,
                        settings: subnet
                            .map(|subnet| {
                                warren_director_plan::settings::manual(subnet, address, &default)
                            })
                            .unwrap_or_default(),
                        default,
                        nic_group: None,
                    });
                }
            }
        }
    }
}

/// Forgets an instance that compiled, with its addresses.
async fn forget(engine: &Engine, instance: i64) -> Result<(), Error> {
    let pool = engine.store.pool();
    ips::release_all(pool, ips::Owner::Instance(instance)).await?;
    instances::delete(pool, instance).await?;
    Ok(())
}

/// Deletes machines that an earlier attempt of this task left compiling; with `force` those that cannot be
/// deleted are forgotten.
pub async fn sweep(
    engine: &Engine,
    task: &Task,
    deployment_id: i64,
    force: bool,
) -> Result<(), Error> {
    use warren_director_store::vms;
    let pool = engine.store.pool();
    for instance in instances::of_deployment(pool, deployment_id).await? {
        if *instance.compilation {
            let name = instance.name();
            for row in vms::of_instance(pool, instance.id).await? {
                match vm::delete(engine, task, &row, &name).await {
                    Err(error) if force && !error.is_cancelled() => {
                        task.log(&format!("{name}: {}, which is ignored", error.story()));
                        ips::unbind_vm(pool, row.id).await?;
                        vms::delete(pool, row.id).await?;
                    }
                    done => done?,
                }
            }
            forget(engine, instance.id).await?;
        }
    }
    Ok(())
}
