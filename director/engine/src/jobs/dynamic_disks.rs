//! Disks that requests make for jobs: created, attached, detached, deleted.
//!
//! ```text
//! create ── a row ── attach: CPI, row, agent's add_dynamic_disk ── detach ── delete
//! provide = create (unless it is there) and attach
//! ```
//!
//! Each step may be asked for again: what is done already is said, or done again without harm. A disk goes
//! with its deployment. Source: `cloudfoundry/bosh` pull requests 2652 and 2743.

use std::future::Future;
use std::time::Duration;

use serde_json::{Map, Value, json};
use warren_director_cpi::{Cpi, ErrorKind};
use warren_director_plan::json::from_mapping;
use warren_director_store::deployments::{self, Deployment};
use warren_director_store::dynamic_disks::{self, DynamicDisk, New};
use warren_director_store::instances::{self, Instance};
use warren_director_store::intents::{self, Kind};
use warren_director_store::vms::{self, Vm};
use warren_director_store::work::DynamicDisk as Wanted;

use super::update_instance;
use crate::disks::commit;
use crate::{Engine, Error, Task, documents, intent, lock, update};

/// How long somebody who makes a disk of the same name is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// Does what is wanted of a disk.
pub async fn run(engine: &Engine, task: &Task, wanted: &Wanted) -> Result<String, Error> {
    let all = Disks { engine, task };
    match wanted {
        Wanted::Create {
            deployment,
            az,
            name,
            pool,
            size,
            metadata,
        } => {
            let what = (name.as_str(), pool.as_str(), *size);
            all.create(deployment, az, what, metadata.as_ref()).await
        }
        Wanted::Attach {
            name,
            instance_id,
            metadata,
        } => all.attach(name, instance_id, metadata.as_ref()).await,
        Wanted::Provide {
            instance_id,
            name,
            pool,
            size,
            metadata,
        } => {
            let what = (name.as_str(), pool.as_str(), *size);
            all.provide(instance_id, what, metadata.as_ref()).await
        }
        Wanted::Detach { name } => all.detach(name).await,
        Wanted::Delete { name } => all.delete(name).await,
    }
}

/// Deletes the disks of a deployment that is deleted; with `force` also those that the CPI cannot delete.
pub async fn delete_of(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    force: bool,
) -> Result<(), Error> {
    let all = Disks { engine, task };
    for disk in dynamic_disks::list(engine.store.pool()).await? {
        if disk.deployment_id != deployment.id {
            continue;
        }
        match all.remove(&disk).await {
            Err(error) if force => {
                task.log(&format!("{}, which is ignored", error.story()));
                dynamic_disks::delete(engine.store.pool(), disk.id).await?;
            }
            done => done?,
        }
    }
    Ok(())
}

fn failed(message: String) -> Error {
    Error::refused(100, message)
}

struct Disks<'a> {
    engine: &'a Engine,
    task: &'a Task,
}

/// Name, disk type and MiB.
type What<'a> = (&'a str, &'a str, u64);

impl Disks<'_> {
    async fn find(&self, name: &str) -> Result<Option<DynamicDisk>, Error> {
        Ok(dynamic_disks::find(self.engine.store.pool(), name).await?)
    }

    /// An instance with its machine and deployment.
    async fn instance(&self, id: &str) -> Result<(Instance, Vm, Deployment), Error> {
        let pool = self.engine.store.pool();
        for deployment in deployments::list(pool).await? {
            let rows = instances::of_deployment(pool, deployment.id).await?;
            let Some(row) = rows.into_iter().find(|row| row.uuid == id) else {
                continue;
            };
            let machine = update::active(self.engine, row.id).await?;
            let machine =
                machine.ok_or_else(|| failed(format!("no active vm found for instance `{id}`")))?;
            return Ok((row, machine, deployment));
        }
        Err(failed(format!("instance `{id}` not found")))
    }

    async fn create(
        &self,
        deployment: &str,
        az: &str,
        what: What<'_>,
        metadata: Option<&Map<String, Value>>,
    ) -> Result<String, Error> {
        let pool = self.engine.store.pool();
        let name = what.0;
        if self.find(name).await?.is_some() {
            return Err(failed(format!("disk `{name}` already exists")));
        }
        let row = deployments::find(pool, deployment)
            .await?
            .ok_or_else(|| failed(format!("deployment `{deployment}` not found")))?;
        // Where a machine is tells the infrastructure where the disk is to be.
        let mut found = None;
        for instance in instances::of_deployment(pool, row.id).await? {
            if instance.availability_zone.as_deref() == Some(az) && !*instance.compilation {
                found = update::active(self.engine, instance.id).await?;
            }
            if found.is_some() {
                break;
            }
        }
        let machine = found.ok_or_else(|| {
            failed(format!(
                "no active VM found in deployment `{deployment}` in AZ `{az}`"
            ))
        })?;
        let disk = self
            .alone(name, async {
                if self.find(name).await?.is_some() {
                    return Err(failed(format!("disk `{name}` already exists")));
                }
                self.make(&row, &machine, Some(az), what).await
            })
            .await?;
        if let Some(metadata) = metadata {
            self.describe(&disk, metadata).await?;
        }
        self.say(&disk);
        Ok(format!(
            "created disk `{name}` in deployment `{deployment}` in AZ `{az}`"
        ))
    }

    /// Does something while nobody else makes a disk of the same name.
    async fn alone<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let lock = format!("lock:dynamic_disk:{name}");
        lock::with(self.task, &lock, PATIENCE, work).await
    }

    async fn make(
        &self,
        deployment: &Deployment,
        machine: &Vm,
        az: Option<&str>,
        (name, kind, size): What<'_>,
    ) -> Result<DynamicDisk, Error> {
        let variables = update_instance::variables(self.engine, deployment).await?;
        let last = update_instance::again(self.engine, &deployment.name).await?;
        let cloud = documents::cloud(self.engine, &last.cloud_configs, &variables).await?;
        let types = cloud.disk_types.iter();
        let found = types.into_iter().find(|one| one.name == kind);
        let found =
            found.ok_or_else(|| failed(format!("Could not find disk pool by name `{kind}`")))?;
        let mut properties = variables
            .resolve_map(&from_mapping(&found.cloud_properties))
            .await?;
        properties.insert("name".to_owned(), json!(name));
        let cpi = self.engine.cpi_named(self.task, &machine.cpi).await?;
        let cid = machine.cid.as_deref().unwrap_or_default();
        let owner = format!("dynamic disk {name}");
        let intent =
            intent::announce(self.engine, self.task, Kind::Disk, &machine.cpi, &owner).await?;
        let disk_cid = cpi.create_disk(size, properties, cid, &intent).await?;
        let new = New {
            name,
            cid: &disk_cid,
            deployment_id: deployment.id,
            availability_zone: az,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            disk_pool_name: kind,
            cpi: &machine.cpi,
        };
        let mut tx = self.engine.store.begin().await?;
        let added = async {
            intents::delete(&mut *tx, &intent).await?;
            dynamic_disks::create(&mut *tx, &new).await
        };
        if let Err(error) = added.await {
            drop(tx);
            intent::undo(self.engine, self.task, &cpi, &intent, &disk_cid).await;
            return Err(error.into());
        }
        commit(tx).await?;
        self.find(name)
            .await?
            .ok_or_else(|| failed(format!("disk `{name}` not found")))
    }

    async fn attach(
        &self,
        name: &str,
        instance_id: &str,
        metadata: Option<&Map<String, Value>>,
    ) -> Result<String, Error> {
        let disk = self
            .find(name)
            .await?
            .ok_or_else(|| failed(format!("disk `{name}` not found")))?;
        let (row, machine, deployment) = self.instance(instance_id).await?;
        self.give(&disk, &row, &machine, metadata).await?;
        Ok(attached(name, &machine, &deployment))
    }

    async fn provide(
        &self,
        instance_id: &str,
        what: What<'_>,
        metadata: Option<&Map<String, Value>>,
    ) -> Result<String, Error> {
        let (row, machine, deployment) = self.instance(instance_id).await?;
        let disk = self
            .alone(what.0, async {
                match self.find(what.0).await? {
                    Some(disk) => Ok(disk),
                    None => {
                        let az = row.availability_zone.as_deref();
                        self.make(&deployment, &machine, az, what).await
                    }
                }
            })
            .await?;
        self.give(&disk, &row, &machine, metadata).await?;
        self.say(&disk);
        Ok(attached(what.0, &machine, &deployment))
    }

    /// Gives a disk to a machine, unless it has it, and tells its agent.
    async fn give(
        &self,
        disk: &DynamicDisk,
        row: &Instance,
        machine: &Vm,
        metadata: Option<&Map<String, Value>>,
    ) -> Result<(), Error> {
        let (engine, task) = (self.engine, self.task);
        let cid = machine.cid.clone().unwrap_or_default();
        let hint = match disk.vm_id {
            Some(vm) if vm == machine.id => disk.disk_hint.clone().unwrap_or_default(),
            Some(vm) => {
                let all = vms::list(engine.store.pool()).await?;
                let other = all.into_iter().find(|one| one.id == vm);
                return Err(failed(format!(
                    "disk is attached to a different vm `{}`",
                    other.and_then(|vm| vm.cid).unwrap_or_default()
                )));
            }
            None => {
                let cpi = self.cpi(disk).await?;
                let api = machine.stemcell_api_version;
                let hint = lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
                    Ok(cpi.attach_disk(&cid, &disk.disk_cid, api).await?)
                })
                .await?
                .to_string();
                let has = Some((machine.id, hint.as_str()));
                dynamic_disks::set_machine(engine.store.pool(), disk.id, has).await?;
                hint
            }
        };
        if let Some(metadata) = metadata {
            self.describe(disk, metadata).await?;
        }
        let hint: Value = serde_json::from_str(&hint).unwrap_or_default();
        let agent = engine.bus.agent(&machine.agent_id);
        task.log(&format!("{}: dynamic disk {}", row.name(), disk.disk_cid));
        match agent
            .run("add_dynamic_disk", vec![json!(disk.disk_cid), hint], task)
            .await
        {
            Err(error) if error.is_unknown_method() => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    async fn cpi(&self, disk: &DynamicDisk) -> Result<Cpi, Error> {
        self.engine.cpi_named(self.task, &disk.cpi).await
    }

    /// Says what people see of a disk, unless they see it already.
    async fn describe(
        &self,
        disk: &DynamicDisk,
        metadata: &Map<String, Value>,
    ) -> Result<(), Error> {
        let text = Value::Object(metadata.clone()).to_string();
        if disk.metadata.as_ref() == Some(&text) {
            return Ok(());
        }
        let mut all = metadata.clone();
        all.insert("director".to_owned(), json!(self.engine.config.name));
        all.insert("deployment".to_owned(), json!(disk.deployment));
        let cpi = self.cpi(disk).await?;
        cpi.set_disk_metadata(&disk.disk_cid, all).await?;
        let pool = self.engine.store.pool();
        Ok(dynamic_disks::set_metadata(pool, disk.id, &text).await?)
    }

    fn say(&self, disk: &DynamicDisk) {
        let result = json!({ "disk_cid": disk.disk_cid });
        self.task.result(format!("{result}\n").as_bytes());
    }

    async fn detach(&self, name: &str) -> Result<String, Error> {
        let disk = self
            .find(name)
            .await?
            .ok_or_else(|| failed(format!("disk `{name}` can not be found in the database")))?;
        let already = format!("disk `{}` was already detached", disk.disk_cid);
        let all = vms::list(self.engine.store.pool()).await?;
        let Some(machine) = all.into_iter().find(|vm| Some(vm.id) == disk.vm_id) else {
            return Ok(already);
        };
        let agent = self.engine.bus.agent(&machine.agent_id);
        match agent
            .run("remove_dynamic_disk", vec![json!(disk.disk_cid)], self.task)
            .await
        {
            Err(error) if error.is_unknown_method() => {}
            done => {
                done?;
            }
        }
        let cid = machine.cid.clone().unwrap_or_default();
        let cpi = self.cpi(&disk).await?;
        let lock = format!("lock:vm:{cid}");
        let was_there = lock::with(self.task, &lock, lock::PATIENCE, async {
            let api = machine.stemcell_api_version;
            match cpi.detach_disk(&cid, &disk.disk_cid, api).await {
                Err(error) if error.kind() == Some(ErrorKind::DiskNotAttached) => Ok(false),
                done => Ok(done.map(|()| true)?),
            }
        })
        .await?;
        dynamic_disks::set_machine(self.engine.store.pool(), disk.id, None).await?;
        Ok(match was_there {
            true => format!("detached disk `{}` from vm `{cid}`", disk.disk_cid),
            false => already,
        })
    }

    async fn delete(&self, name: &str) -> Result<String, Error> {
        let Some(disk) = self.find(name).await? else {
            return Ok(format!("disk with name `{name}` was already deleted"));
        };
        if let Some(instance) = &disk.instance {
            return Err(failed(format!(
                "disk `{name}` is attached to instance `{instance}`: detach it first"
            )));
        }
        self.remove(&disk).await?;
        Ok(format!("deleted disk `{}`", disk.disk_cid))
    }

    async fn remove(&self, disk: &DynamicDisk) -> Result<(), Error> {
        let cpi = self.cpi(disk).await?;
        if cpi.has_disk(&disk.disk_cid).await? != Some(false) {
            cpi.delete_disk(&disk.disk_cid).await?;
        }
        Ok(dynamic_disks::delete(self.engine.store.pool(), disk.id).await?)
    }
}

fn attached(name: &str, machine: &Vm, deployment: &Deployment) -> String {
    format!(
        "attached disk `{name}` to `{}` in deployment `{}`",
        machine.cid.as_deref().unwrap_or_default(),
        deployment.name
    )
}
