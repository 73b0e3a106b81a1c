//! The documents about an instance: what its agent is told, what its templates see, what is saved.
//!
//! Source: reference of the deploy engine, section 11.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use crate::links::dns_name;
use crate::output::{Group, InstancePlan};
use crate::{Compiled, Input};

/// What only rendering can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Of all jobs together.
    pub configuration_hash: String,
    /// Of each job.
    pub template_hashes: BTreeMap<String, String>,
    /// Where the archive of rendered templates is, and its SHA-1.
    pub archive: Option<(String, String)>,
}

/// Settings of an instance's networks by name, placeholders kept.
#[must_use]
pub fn networks(instance: &InstancePlan) -> Map<String, Value> {
    instance
        .networks
        .iter()
        .map(|network| {
            (
                network.name.clone(),
                Value::Object(network.settings.clone()),
            )
        })
        .collect()
}

/// `job` of the apply spec.
#[must_use]
pub fn job(input: &Input<'_>, group: &Group) -> Value {
    let templates: Vec<Value> = group
        .jobs
        .iter()
        .map(|plan| {
            let job = &input.releases[plan.release].jobs[plan.job];
            let logs: Vec<Value> = Vec::new();
            json!({
                "name": job.name, "version": job.version, "sha1": job.sha1,
                "blobstore_id": job.blobstore_id, "logs": logs,
            })
        })
        .collect();
    let first = templates.first();
    let of_first = |key: &str| first.and_then(|template| template.get(key)).cloned();
    let mut job = Map::new();
    job.insert("name".into(), json!(group.name));
    job.insert("templates".into(), json!(templates));
    if let (Some(name), Some(version)) = (of_first("name"), of_first("version")) {
        job.insert("template".into(), name);
        job.insert("version".into(), version);
    }
    Value::Object(job)
}

/// `packages` of the apply spec, out of what each was compiled to by name.
#[must_use]
pub fn packages(input: &Input<'_>, group: &Group, compiled: &BTreeMap<String, Compiled>) -> Value {
    group
        .packages
        .iter()
        .filter_map(|(name, (release, package))| {
            let package = &input.releases[*release].packages[*package];
            let compiled = compiled.get(name)?;
            Some((
                name.clone(),
                json!({
                    "name": name,
                    "version": format!("{}.{}", package.version, compiled.build),
                    "sha1": compiled.sha1,
                    "blobstore_id": compiled.blobstore_id,
                }),
            ))
        })
        .collect::<Map<_, _>>()
        .into()
}

/// The size of the disk that is mounted, MiB.
#[must_use]
pub fn persistent_disk(group: &Group) -> u64 {
    group
        .disks
        .iter()
        .find(|disk| disk.name.is_empty())
        .map_or(0, |disk| disk.size)
}

/// What an agent is told first, before there is anything to install.
#[must_use]
pub fn first_apply(input: &Input<'_>, group: &Group, instance: &InstancePlan) -> Value {
    json!({
        "deployment": input.deployment.name,
        "job": job(input, group),
        "index": instance.index,
        "id": instance.uuid,
        "networks": networks(instance),
    })
}

/// What an agent is told to be. `networks` are settings as the agent has them.
#[must_use]
pub fn apply(
    input: &Input<'_>,
    group: &Group,
    instance: &InstancePlan,
    networks: &Map<String, Value>,
    packages: &Value,
    rendered: &Rendered,
) -> Value {
    let archive = rendered
        .archive
        .as_ref()
        .map(|(blob, sha1)| json!({"blobstore_id": blob, "sha1": sha1}));
    let mut spec = json!({
        "deployment": input.deployment.name,
        "job": job(input, group),
        "index": instance.index,
        "name": group.name,
        "id": instance.uuid,
        "az": instance.az,
        "networks": networks,
        "packages": packages,
        "dns_domain_name": input.director.domain,
        "persistent_disk": persistent_disk(group),
        "template_hashes": rendered.template_hashes,
        "configuration_hash": rendered.configuration_hash,
    });
    if let (Some(map), Some(archive)) = (spec.as_object_mut(), archive) {
        map.insert("rendered_templates_archive".into(), archive);
    }
    spec
}

/// What is saved of an instance: the apply spec, and what later deploys compare with.
#[must_use]
pub fn saved(input: &Input<'_>, group: &Group, instance: &InstancePlan, apply: &Value) -> Value {
    let stemcell = &input.stemcells[group.stemcell];
    let mut spec = apply.clone();
    if let Some(map) = spec.as_object_mut() {
        let more = json!({
            "bootstrap": instance.bootstrap,
            "lifecycle": group.lifecycle.word(),
            "vm_type": group.vm_type.as_ref().map(|name| json!({"name": name})),
            "vm_resources": group.vm_resources,
            "stemcell": {"name": stemcell.name, "version": stemcell.version},
            "env": group.env,
            "address": address(input, group, instance),
            "tags_sha1": tags_digest(group),
        });
        if let Value::Object(more) = more {
            map.extend(more);
        }
    }
    spec
}

/// Digest of the tags of a group's machines, by which a change of theirs is seen: SHA-1, hex.
#[must_use]
pub fn tags_digest(group: &Group) -> String {
    let tags = crate::json::sorted(&Value::Object(group.tags.clone()));
    let digest = Sha1::digest(tags.to_string().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was saved of an instance, whose machine has got the tags of its group now.
#[must_use]
pub fn retagged(saved: Option<&str>, group: &Group) -> Option<String> {
    let mut spec: Map<String, Value> = serde_json::from_str(saved?).ok()?;
    spec.insert("tags_sha1".to_owned(), json!(tags_digest(group)));
    Some(Value::Object(spec).to_string())
}

/// Whether tags differ from those that an instance was last saved with. One that was saved without a word
/// of them gets them once more.
#[must_use]
pub fn tags_differ(saved: Option<&Value>, group: &Group) -> bool {
    let Some(saved) = saved else { return false };
    match saved.get("tags_sha1").and_then(Value::as_str) {
        Some(digest) => digest != tags_digest(group),
        None => !group.tags.is_empty(),
    }
}

/// An instance's address as templates see it: a name where the manifest says so, else a number.
#[must_use]
pub fn address(input: &Input<'_>, group: &Group, instance: &InstancePlan) -> Value {
    let Some(network) = instance.primary_network() else {
        return Value::Null;
    };
    match network.address {
        Some(address) if !group.use_dns_addresses => json!(address.address.first().to_string()),
        _ => json!(dns_name(input, &group.name, instance, &network.name)),
    }
}

/// `spec` of the templates of a job of an instance, placeholders kept. What is not known yet of a
/// dynamic network is `127.0.0.1`, as in stock; `known` are settings that an agent has reported.
#[must_use]
pub fn template(
    input: &Input<'_>,
    group: &Group,
    instance: &InstancePlan,
    job: &crate::JobPlan,
    known: &Map<String, Value>,
) -> Map<String, Value> {
    let release = &input.releases[job.release];
    let mut networks = Map::new();
    for network in &instance.networks {
        let mut settings = network.settings.clone();
        if network.kind == "dynamic" {
            for key in ["ip", "netmask", "gateway"] {
                let reported = known
                    .get(&network.name)
                    .and_then(|settings| settings.get(key))
                    .filter(|value| !value.is_null())
                    .cloned();
                settings.insert(
                    key.to_owned(),
                    reported.unwrap_or_else(|| json!("127.0.0.1")),
                );
            }
        }
        settings.insert(
            "dns_record_name".to_owned(),
            json!(
                crate::names::Place {
                    group: &group.name,
                    network: &network.name,
                    deployment: &input.deployment.name,
                    domain: &input.director.domain,
                }
                .instance(&instance.index.to_string())
            ),
        );
        networks.insert(network.name.clone(), Value::Object(settings));
    }
    let ip = instance
        .primary_network()
        .and_then(|network| networks.get(&network.name))
        .and_then(|settings| settings.get("ip"))
        .cloned();
    let spec = json!({
        "deployment": input.deployment.name,
        "job": self::job(input, group),
        "index": instance.index,
        "bootstrap": instance.bootstrap,
        "name": group.name,
        "id": instance.uuid,
        "az": instance.az,
        "networks": networks,
        "dns_domain_name": input.director.domain,
        "persistent_disk": persistent_disk(group),
        "address": address(input, group, instance),
        "ip": ip,
        "release": {"name": release.name, "version": release.version},
    });
    match spec {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
