//! What the planner is told, out of rows and agents' answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use warren_director_plan::{
    AgentState, Compiled, Director, Disk, Existing, Instance, Job, NameIds, Package, Provider,
    Release, Spare, Taken, Vm, links,
};
use warren_director_store::{
    compiled_packages, deployments, disks, dns, instances, ips, packages, releases, templates, vms,
};
use warren_lib_telemetry::context;
use warren_wire_manifest::deployment::Deployment;
use warren_wire_release::JobSpec;

use crate::many::join_all;
use crate::reach::{self, Reached};
use crate::{Engine, Error, Task};

/// Rows of a deployment, as they were when a plan was begun.
#[derive(Clone)]
pub struct Rows {
    /// Instances but those that compile.
    pub instances: Vec<instances::Instance>,
    /// Their machines.
    pub vms: Vec<vms::Vm>,
    /// Their disks.
    pub disks: Vec<disks::Disk>,
}

impl Rows {
    /// Reads them.
    pub async fn read(engine: &Engine, deployment_id: i64) -> Result<Self, Error> {
        let pool = engine.store.pool();
        let mut all = instances::of_deployment(pool, deployment_id).await?;
        all.retain(|instance| !*instance.compilation);
        Ok(Self {
            instances: all,
            vms: vms::of_deployment(pool, deployment_id).await?,
            disks: disks::of_deployment(pool, deployment_id).await?,
        })
    }

    /// The machine of an instance that counts.
    pub fn vm_of(&self, instance: i64) -> Option<&vms::Vm> {
        self.vms
            .iter()
            .find(|vm| vm.instance_id == instance && *vm.active && vm.cid.is_some())
    }

    /// The machines that wait to take the place of that, oldest first.
    pub fn spares_of(&self, instance: i64) -> impl Iterator<Item = &vms::Vm> {
        self.vms
            .iter()
            .filter(move |vm| vm.instance_id == instance && *vm.spare)
    }
}

/// Who plans.
pub fn director(engine: &Engine) -> Director {
    Director {
        name: engine.config.name.clone(),
        domain: engine.config.domain.clone(),
        use_dns_addresses: engine.config.use_dns_addresses,
        include_index: false,
    }
}

/// The releases of a manifest with all that is in them.
pub async fn releases_of(engine: &Engine, wanted: &Deployment) -> Result<Vec<Release>, Error> {
    let mut known = Vec::new();
    for release in &wanted.releases {
        known.push(release_of(engine, &release.name, &release.version).await?);
    }
    Ok(known)
}

/// A version of a release that is not there, or not as a whole.
pub fn no_release(name: &str, version: &str) -> Error {
    Error::refused(
        30_006,
        format!(
            "Release version '{name}/{version}' doesn't exist as a whole; if it is listed, its \
             upload or deletion broke off: upload it with `--fix`"
        ),
    )
}

/// A version of a release with all that is in it.
pub async fn release_of(engine: &Engine, name: &str, version: &str) -> Result<Release, Error> {
    let pool = engine.store.pool();
    let row = releases::find_version(pool, name, version)
        .await?
        .filter(|row| *row.update_completed)
        .ok_or_else(|| no_release(name, version))?;
    let mut compiled: BTreeMap<i64, Vec<Compiled>> = BTreeMap::new();
    for one in compiled_packages::of_version(pool, row.id).await? {
        compiled.entry(one.package_id).or_default().push(Compiled {
            os: one.stemcell_os,
            version: one.stemcell_version,
            dependency_key: one.dependency_key,
            build: one.build,
            blobstore_id: one.blobstore_id,
            sha1: one.sha1,
        });
    }
    let mut all_packages = Vec::new();
    for package in packages::of_version(pool, row.id).await? {
        all_packages.push(Package {
            compiled: compiled.remove(&package.id).unwrap_or_default(),
            dependencies: package.dependencies()?,
            source: package.blobstore_id.clone().zip(package.sha1.clone()),
            id: package.id,
            name: package.name,
            version: package.version,
            fingerprint: package.fingerprint,
        });
    }
    let mut jobs = Vec::new();
    for template in templates::of_version(pool, row.id).await? {
        let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::other(format!("read the spec of job {}", template.name), error)
        };
        let spec =
            JobSpec::parse(template.spec.as_bytes()).map_err(|error| broken(error.into()))?;
        let packages =
            serde_json::from_str(&template.package_names).map_err(|error| broken(error.into()))?;
        jobs.push(Job {
            name: template.name.clone(),
            version: template.version.clone(),
            blobstore_id: template.blobstore_id.clone(),
            sha1: template.sha1.clone(),
            packages,
            spec,
        });
    }
    Ok(Release {
        name: row.name,
        version: row.version,
        id: row.id,
        jobs,
        packages: all_packages,
    })
}

/// What there is of a deployment; `states` are answers of agents by their name.
pub fn existing(rows: &Rows, states: &BTreeMap<String, AgentState>) -> Existing {
    let parse = |text: &Option<String>| -> Option<Value> {
        text.as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
    };
    let machine = |vm: &vms::Vm| Vm {
        id: vm.id,
        cid: vm.cid.clone().unwrap_or_default(),
        created_at: vm.created_at,
        stemcell: vm.stemcell_name.clone().zip(vm.stemcell_version.clone()),
        env: parse(&vm.env),
        cloud_properties: parse(&vm.cloud_properties),
        networks: parse(&vm.network_spec),
    };
    let answers = |vm: &vms::Vm| matches!(states.get(&vm.agent_id), Some(AgentState::Says(_)));
    let instances = rows
        .instances
        .iter()
        .map(|instance| {
            let vm = rows.vm_of(instance.id);
            Instance {
                id: instance.id,
                group: instance.job.clone(),
                index: instance.index_number,
                uuid: instance.uuid.clone(),
                az: instance.availability_zone.clone(),
                bootstrap: *instance.bootstrap,
                ignored: *instance.ignored,
                state: instance.state.clone(),
                update_completed: *instance.update_completed,
                spec: parse(&instance.spec),
                agent: vm
                    .and_then(|vm| states.get(&vm.agent_id))
                    .cloned()
                    .unwrap_or_default(),
                vm: vm.map(machine),
                spares: rows
                    .spares_of(instance.id)
                    .map(|vm| Spare {
                        vm: machine(vm),
                        answers: answers(vm),
                    })
                    .collect(),
                disks: rows
                    .disks
                    .iter()
                    .filter(|disk| disk.instance_id == instance.id && *disk.active)
                    .map(|disk| Disk {
                        cid: disk.disk_cid.clone(),
                        name: disk.name.clone(),
                        size: u64::try_from(disk.size).unwrap_or(0),
                        cloud_properties: serde_json::from_str(&disk.cloud_properties)
                            .unwrap_or_default(),
                    })
                    .collect(),
            }
        })
        .collect();
    Existing { instances }
}

/// Asks the agents of all machines for their state, many at once.
///
/// # Errors
/// Code 450002 for an agent that does not answer, unless that is to be fixed.
pub async fn agent_states(
    engine: &Engine,
    task: &Task,
    rows: &Rows,
    fix: bool,
) -> Result<BTreeMap<String, AgentState>, Error> {
    let turns = Arc::new(Semaphore::new(engine.config.max_threads.max(1)));
    let mut asked = JoinSet::new();
    for instance in rows.instances.iter().filter(|instance| !*instance.ignored) {
        let Some(vm) = rows.vm_of(instance.id).cloned() else {
            continue;
        };
        let (engine, task, turns) = (engine.clone(), task.clone(), Arc::clone(&turns));
        let title = format!("{} ({})", instance.name(), instance.index_number);
        let ask = async move {
            let _turn = turns.acquire().await;
            let patience = fix.then_some(Duration::from_secs(10));
            let reached = reach::state(&engine, &task, &vm, patience).await;
            (title, vm, reached)
        };
        // For the request and the task that this is for.
        asked.spawn(context::within(context::current(), ask));
    }
    let mut states = BTreeMap::new();
    while let Some(done) = asked.join_next().await {
        let (title, vm, reached) =
            done.map_err(|error| Error::other("ask an agent for its state", error))?;
        // Lines about agents have their ids only.
        let (agent, cid) = (&vm.agent_id, vm.cid.as_deref().unwrap_or_default());
        task.log(&format!("{title}: agent {agent} of {cid}"));
        let state = match reached? {
            Reached::Says(state) => AgentState::Says(state),
            Reached::Silent(_) | Reached::Gone if fix => AgentState::Unresponsive,
            Reached::Silent(error) => return Err(error.into()),
            Reached::Gone => {
                return Err(Error::refused(
                    450_002,
                    format!(
                        "The machine {} of '{title}' is gone: 'deploy --fix' or 'cloud-check' makes it anew",
                        vm.cid.as_deref().unwrap_or_default()
                    ),
                ));
            }
        };
        states.insert(vm.agent_id, state);
    }
    Ok(states)
}

/// Asks the agents of machines that wait to take another's place; one that does not answer is of no use
/// to anybody, and no reason to end.
///
/// # Errors
/// [`Error::Cancelled`], or what the CPI says.
pub async fn spare_states(
    engine: &Engine,
    task: &Task,
    rows: &Rows,
) -> Result<BTreeMap<String, AgentState>, Error> {
    let spares = rows.vms.iter().filter(|vm| *vm.spare);
    let asked = spares.map(|vm| async move {
        let reached = reach::state(engine, task, vm, Some(Duration::from_secs(10))).await?;
        let state = match reached {
            Reached::Says(state) => AgentState::Says(state),
            Reached::Silent(_) | Reached::Gone => AgentState::Unresponsive,
        };
        Ok((vm.agent_id.clone(), state))
    });
    join_all(asked.collect()).await.into_iter().collect()
}

/// States of machines whose agents are known not to answer.
pub fn silent(rows: &Rows) -> BTreeMap<String, AgentState> {
    let machines = rows.instances.iter().filter_map(|row| rows.vm_of(row.id));
    machines
        .map(|vm| (vm.agent_id.clone(), AgentState::Unresponsive))
        .collect()
}

/// All addresses in use, with who has them.
pub async fn taken(engine: &Engine) -> Result<Vec<Taken>, Error> {
    let mut all = Vec::new();
    for row in ips::list(engine.store.pool()).await? {
        let owner = match ips::owner(engine.store.pool(), &row.address).await? {
            Some((instance, deployment)) => {
                format!("instance '{instance}' from deployment '{deployment}'")
            }
            None => "an orphaned machine".to_owned(),
        };
        all.push(Taken {
            id: row.id,
            address: row.address,
            network: row.network_name,
            is_static: *row.static_address,
            instance: row.instance_id,
            vm: row.vm_id,
            owner,
        });
    }
    Ok(all)
}

/// Links that other deployments share.
pub async fn providers(engine: &Engine, own: &str) -> Result<Vec<Provider>, Error> {
    let all = warren_director_store::links::provided(engine.store.pool(), None).await?;
    Ok(all
        .into_iter()
        .filter(|one| one.deployment != own && *one.shared && *one.consumable)
        .filter_map(|one| {
            let content = serde_json::from_str(one.content.as_deref()?).ok()?;
            Some(Provider {
                deployment: one.deployment,
                group: one.instance_group,
                owner: one.owner_name,
                kind: one.kind,
                name: one.name.unwrap_or(one.original_name),
                content,
                id: one.id,
            })
        })
        .collect())
}

/// Numbers of all names that a deployment uses; new ones are given.
pub async fn name_ids(
    engine: &Engine,
    deployment: &deployments::Deployment,
    wanted: &Deployment,
    releases: &[Release],
) -> Result<NameIds, Error> {
    let (azs, networks, groups) = links::names_wanted(wanted, releases);
    let mut ids = NameIds::default();
    let pool = engine.store.pool();
    for az in azs {
        let id = dns::encode(pool, dns::Encoded::Az(&az)).await?;
        ids.azs.insert(az, id);
    }
    for network in networks {
        let id = dns::encode(pool, dns::Encoded::Network(&network)).await?;
        ids.networks.insert(network, id);
    }
    for (kind, name) in groups {
        let what = dns::Encoded::Group {
            kind: &kind,
            name: &name,
            deployment_id: deployment.id,
        };
        let id = dns::encode(pool, what).await?;
        ids.groups.insert((kind, name), id);
    }
    Ok(ids)
}
