//! A cloud config, a release and a manifest, and what a director would know of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::cloud_config::{CloudConfig, CloudOptions};
use warren_wire_manifest::deployment::{Deployment, UpdateOptions};
use warren_wire_manifest::yaml::Mapping;
use warren_wire_release::JobSpec;

use crate::{
    Compiled, Director, Draft, Error, Existing, Input, Instance, Job, NameIds, Options, Package,
    Provider, Release, Reservation, Stemcell, Taken, assemble,
};

pub const CLOUD: &str = "
azs: [{name: z1, cloud_properties: {zone: one}}, {name: z2}, {name: z3}]
vm_types: [{name: default, cloud_properties: {size: small}}, {name: large}]
vm_extensions: [{name: ext, cloud_properties: {size: big, more: 1}}]
disk_types: [{name: disk, disk_size: 1024}]
networks:
- name: default
  subnets:
  - {range: 10.0.0.0/28, gateway: 10.0.0.1, azs: [z1, z2], reserved: [10.0.0.2], static: [10.0.0.8-10.0.0.10], dns: [8.8.8.8]}
  - {range: 10.0.1.0/28, gateway: 10.0.1.1, azs: [z3]}
- {name: dyn, type: dynamic, cloud_properties: {x: 1}}
- {name: zoned, type: dynamic, subnets: [{azs: [z1, z2], cloud_properties: {x: 1}}]}
- {name: virtual, type: vip, cloud_properties: {}}
compilation: {workers: 2, network: default, az: z1, vm_type: default}
";

pub const UPDATE: &str =
    "update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1000, update_watch_time: 1000}\n";

/// What a director knows.
pub struct Scene {
    pub director: Director,
    pub cloud: CloudConfig,
    pub releases: Vec<Release>,
    pub stemcells: Vec<Stemcell>,
    pub existing: Existing,
    pub taken: Vec<Taken>,
    pub providers: Vec<Provider>,
    pub ids: NameIds,
    pub options: Options,
    pub resolved: BTreeMap<String, Value>,
    pub sizes: crate::machine::Sizes,
    made: AtomicU32,
}

fn mapping(text: &str) -> Mapping {
    read_manifest(text, "manifest").unwrap()
}

impl Scene {
    pub fn new() -> Self {
        let job = |name: &str, spec: &str, packages: &[&str]| Job {
            name: name.to_owned(),
            version: format!("{name}-1"),
            blobstore_id: format!("{name}-blob"),
            sha1: format!("{name}-sha1"),
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            spec: JobSpec::parse(format!("name: {name}\n{spec}").as_bytes()).unwrap(),
        };
        let package = |id: i64, name: &str, dependencies: &[&str]| Package {
            id,
            name: name.to_owned(),
            version: format!("{name}-v"),
            fingerprint: format!("{name}-f"),
            source: Some((format!("{name}-source"), "sha".to_owned())),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
            compiled: Vec::new(),
        };
        let server = "provides: [{name: conn, type: zookeeper, properties: [port, tls.ca]}]\n\
                      consumes: [{name: peers, type: zookeeper}]\n\
                      properties: {port: {default: 2181}, tls.ca: {}, hidden: {default: x}}\n";
        let client =
            "consumes: [{name: conn, type: zookeeper}, {name: opt, type: none, optional: true}]\n";
        Self {
            director: Director {
                name: "warren".to_owned(),
                domain: "bosh".to_owned(),
                use_dns_addresses: false,
                include_index: false,
            },
            cloud: CloudConfig::parse(&mapping(CLOUD), &CloudOptions::default()).unwrap(),
            releases: vec![Release {
                name: "r".to_owned(),
                version: "1".to_owned(),
                id: 1,
                jobs: vec![
                    job("server", server, &["app"]),
                    job("client", client, &[]),
                    job("plain", "", &["app", "tool"]),
                ],
                packages: vec![
                    package(1, "app", &["lib"]),
                    package(2, "lib", &[]),
                    package(3, "tool", &["lib", "app"]),
                ],
            }],
            stemcells: vec![Stemcell {
                alias: "s".to_owned(),
                name: "stem".to_owned(),
                os: "debian".to_owned(),
                version: "1.5".to_owned(),
                api_version: Some(3),
                cids: BTreeMap::new(),
                ids: BTreeMap::new(),
            }],
            existing: Existing::default(),
            taken: Vec::new(),
            providers: Vec::new(),
            ids: NameIds::default(),
            options: Options::default(),
            resolved: BTreeMap::new(),
            sizes: crate::machine::Sizes::default(),
            made: AtomicU32::new(0),
        }
    }

    pub fn deployment(&self, groups: &str) -> Deployment {
        let text = format!(
            "name: d\nreleases: [{{name: r, version: '1'}}]\n\
             stemcells: [{{alias: s, os: debian, version: '1.5'}}]\n{UPDATE}{groups}"
        );
        Deployment::parse(&mapping(&text), &self.cloud, &UpdateOptions::default()).unwrap()
    }

    pub fn with_input<T>(&self, groups: &str, work: impl FnOnce(&Input<'_>) -> T) -> T {
        self.with_deployment(&self.deployment(groups), work)
    }

    pub fn with_deployment<T>(
        &self,
        deployment: &Deployment,
        work: impl FnOnce(&Input<'_>) -> T,
    ) -> T {
        let new_id = || format!("u{}", self.made.fetch_add(1, Ordering::Relaxed) + 1);
        work(&Input {
            director: &self.director,
            deployment,
            cloud: &self.cloud,
            releases: &self.releases,
            stemcells: &self.stemcells,
            existing: &self.existing,
            taken: &self.taken,
            providers: &self.providers,
            ids: &self.ids,
            options: &self.options,
            resolved: &self.resolved,
            sizes: &self.sizes,
            new_id: &new_id,
        })
    }

    pub fn plan(&self, groups: &str) -> Result<Draft, Error> {
        self.with_input(groups, assemble)
    }

    /// Makes what was decided exist: rows and addresses.
    pub fn accept(&mut self, draft: &Draft) {
        let gone: Vec<i64> = draft
            .groups
            .iter()
            .flat_map(|group| &group.surplus)
            .chain(&draft.obsolete)
            .copied()
            .collect();
        let mut next = self
            .existing
            .instances
            .iter()
            .map(|one| one.id)
            .max()
            .unwrap_or(0)
            + 1;
        let mut rows = Vec::new();
        for group in &draft.groups {
            for plan in &group.instances {
                let id = match plan.existing {
                    Some(at) => self.existing.instances[at].id,
                    None => {
                        next += 1;
                        next - 1
                    }
                };
                let mut disks = plan
                    .existing
                    .map(|at| self.existing.instances[at].disks.clone())
                    .unwrap_or_default();
                disks.extend(
                    group
                        .disks
                        .iter()
                        .filter(|_| plan.existing.is_none())
                        .map(|disk| crate::Disk {
                            cid: format!("disk-{}", plan.uuid),
                            name: disk.name.clone(),
                            size: disk.size,
                            cloud_properties: disk.cloud_properties.clone().into(),
                        }),
                );
                for network in &plan.networks {
                    if let Some(address) = &network.address
                        && address.from == Reservation::New
                    {
                        self.taken.push(Taken {
                            id: i64::try_from(self.taken.len()).unwrap() + 100,
                            address: address.address.to_string(),
                            network: network.name.clone(),
                            is_static: address.is_static,
                            instance: Some(id),
                            vm: None,
                            owner: "somebody".to_owned(),
                        });
                    }
                }
                rows.push(Instance {
                    id,
                    group: group.name.clone(),
                    index: plan.index,
                    uuid: plan.uuid.clone(),
                    az: plan.az.clone(),
                    bootstrap: plan.bootstrap,
                    ignored: plan.ignored,
                    state: plan.state.word().to_owned(),
                    update_completed: true,
                    spec: None,
                    agent: crate::AgentState::Unknown,
                    vm: None,
                    spares: Vec::new(),
                    disks,
                });
            }
        }
        self.taken
            .retain(|taken| !taken.instance.is_some_and(|id| gone.contains(&id)));
        self.existing.instances = rows;
    }

    pub fn compiled(&mut self, package: usize, os: &str, version: &str, key: &str) {
        self.releases[0].packages[package].compiled.push(Compiled {
            os: os.to_owned(),
            version: version.to_owned(),
            dependency_key: key.to_owned(),
            build: 1,
            blobstore_id: "c".to_owned(),
            sha1: "c".to_owned(),
        });
    }
}

/// A group of plain jobs.
pub fn group(name: &str, instances: usize, more: &str) -> String {
    format!(
        "- {{name: {name}, instances: {instances}, stemcell: s, vm_type: default, \
         networks: [{{name: default}}], jobs: [{{name: plain, release: r}}]{more}}}\n"
    )
}

/// Where everything is: `INDEX uuid zone address` for each instance.
pub fn shown(draft: &Draft) -> Vec<String> {
    draft
        .groups
        .iter()
        .flat_map(|group| {
            group.instances.iter().map(move |plan| {
                let addresses: Vec<String> = plan
                    .networks
                    .iter()
                    .filter_map(|network| {
                        network.address.map(|one| one.address.first().to_string())
                    })
                    .collect();
                format!(
                    "{}/{} {} {} {}{}",
                    group.name,
                    plan.index,
                    plan.uuid,
                    plan.az.as_deref().unwrap_or("-"),
                    addresses.join(","),
                    if plan.bootstrap { " first" } else { "" }
                )
            })
        })
        .collect()
}
