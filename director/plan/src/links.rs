//! Links: what jobs provide to each other.
//!
//! A provider is found by its type alone if nothing is said and there is exactly one, or by type and
//! name; in another deployment only if it is shared. Source: reference of the deploy engine, section 8.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use warren_wire_manifest::deployment::{Consume, Deployment, Provide};

use crate::names::{Place, short_instance};
use crate::output::{Group, InstancePlan};
use crate::properties::lookup;
use crate::{Error, Input, Release, json};

/// What is provided and consumed in a deployment.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// What is provided.
    pub offers: Vec<Offer>,
    /// What is consumed.
    pub wants: Vec<Want>,
}

/// Something that is provided.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Place of the group in the draft.
    pub group: usize,
    /// `job` or `disk`.
    pub owner_kind: &'static str,
    /// The job's or disk's name.
    pub owner: String,
    /// Its name in the job.
    pub original_name: String,
    /// The link's type.
    pub kind: String,
    /// Its name in the manifest.
    pub name: String,
    /// Whether other deployments may use it.
    pub shared: bool,
    /// Whether anybody may.
    pub consumable: bool,
    /// What it says, placeholders kept.
    pub content: Value,
}

/// Something that is consumed.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// Place of the group in the draft.
    pub group: usize,
    /// Place of the job in the group.
    pub job: usize,
    /// The job's name.
    pub owner: String,
    /// Its name in the job.
    pub original_name: String,
    /// The link's type.
    pub kind: String,
    /// The name that the manifest asks for.
    pub name: Option<String>,
    /// Whether it may be missing.
    pub optional: bool,
    /// Whether the manifest says it shall be missing.
    pub blocked: bool,
    /// What came of it.
    pub found: Option<Found>,
}

/// What came of a want.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Who provides it.
    pub from: From,
    /// What templates see.
    pub values: Value,
}

/// Who provides a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Place among the offers.
    Own(usize),
    /// Key of another deployment's.
    Shared(i64),
    /// The manifest itself.
    Manual,
}

/// The names that need numbers before a plan can be made: zones, networks, and groups by type.
#[must_use]
pub fn names_wanted(
    deployment: &Deployment,
    releases: &[Release],
) -> (
    BTreeSet<String>,
    BTreeSet<String>,
    BTreeSet<(String, String)>,
) {
    let (mut azs, mut networks, mut groups) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for group in &deployment.instance_groups {
        azs.extend(group.azs.iter().flatten().cloned());
        networks.extend(group.networks.iter().map(|network| network.name.clone()));
        groups.insert(("instance-group".to_owned(), group.name.clone()));
        for job in &group.jobs {
            let spec = releases
                .iter()
                .find(|release| release.name == job.release)
                .and_then(|release| release.jobs.iter().find(|known| known.name == job.name));
            for link in spec.iter().flat_map(|job| &job.spec.provides) {
                let name = offered_name(&job.provides, &link.name);
                groups.insert(("link".to_owned(), format!("{name}-{}", link.kind)));
            }
        }
    }
    (azs, networks, groups)
}

fn offered_name(provides: &[(String, Provide)], name: &str) -> String {
    provides
        .iter()
        .find(|(known, _)| known == name)
        .and_then(|(_, provide)| match provide {
            Provide::Offered {
                as_name: Some(name),
                ..
            } => Some(name.clone()),
            _ => None,
        })
        .unwrap_or_else(|| name.to_owned())
}

/// Finds all links of a draft's groups and gives them to its jobs.
pub(crate) fn resolve(input: &Input<'_>, groups: &mut [Group]) -> Result<Links, Error> {
    let mut links = Links::default();
    let mut errors = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        offers(input, place, group, &mut links.offers)?;
    }
    for (place, group) in groups.iter().enumerate() {
        for (number, job) in group.jobs.iter().enumerate() {
            let spec = &input.releases[job.release].jobs[job.job].spec;
            let manifest = job_of(input, &group.name, &job.name);
            for link in &spec.consumes {
                let said = manifest.and_then(|job| {
                    job.consumes
                        .iter()
                        .find(|(name, _)| *name == link.name)
                        .map(|(_, consume)| consume)
                });
                let mut want = Want {
                    group: place,
                    job: number,
                    owner: job.name.clone(),
                    original_name: link.name.clone(),
                    kind: link.kind.clone(),
                    name: None,
                    optional: link.optional,
                    blocked: false,
                    found: None,
                };
                match find(input, &group.name, &links.offers, groups, said, &mut want) {
                    Ok(found) => want.found = found,
                    Err(error) => errors.push(error),
                }
                links.wants.push(want);
            }
            if let Some(unknown) = manifest.and_then(|job| {
                job.consumes
                    .iter()
                    .find(|(name, _)| !spec.consumes.iter().any(|link| link.name == *name))
            }) {
                errors.push(format!(
                    "Job '{}' in instance group '{}' specifies link consumer '{}' that does not exist in its release spec",
                    job.name, group.name, unknown.0
                ));
            }
        }
    }
    if !errors.is_empty() {
        let list: Vec<String> = errors
            .iter()
            .map(|error| format!("  - {}", error.replace('\n', "\n    ")))
            .collect();
        return Err(Error::new(
            100,
            format!(
                "Failed to resolve links from deployment '{}'. See errors below:\n{}",
                input.deployment.name,
                list.join("\n")
            ),
        ));
    }
    for want in &links.wants {
        if let Some(found) = &want.found {
            groups[want.group].jobs[want.job]
                .links
                .insert(want.original_name.clone(), found.values.clone());
        }
    }
    for offer in &links.offers {
        let id = ("link".to_owned(), format!("{}-{}", offer.name, offer.kind));
        if offer.owner_kind != "job" || !offer.consumable {
            continue;
        }
        let group = input
            .ids
            .groups
            .get(&id)
            .map_or(String::new(), i64::to_string);
        if let Some(job) = groups[offer.group]
            .jobs
            .iter_mut()
            .find(|job| job.name == offer.owner)
        {
            job.provides
                .push((offer.kind.clone(), offer.name.clone(), group));
        }
    }
    Ok(links)
}

fn job_of<'i>(
    input: &'i Input<'_>,
    group: &str,
    job: &str,
) -> Option<&'i warren_wire_manifest::deployment::Job> {
    input
        .deployment
        .instance_groups
        .iter()
        .find(|known| known.name == group)?
        .jobs
        .iter()
        .find(|known| known.name == job)
}

fn offers(
    input: &Input<'_>,
    place: usize,
    group: &Group,
    offers: &mut Vec<Offer>,
) -> Result<(), Error> {
    for job in &group.jobs {
        let spec = &input.releases[job.release].jobs[job.job].spec;
        let manifest = job_of(input, &group.name, &job.name);
        let said: &[(String, Provide)] = manifest.map_or(&[], |job| &job.provides);
        let custom = manifest.map_or(&[][..], |job| &job.custom_provider_definitions);
        let custom = custom.iter().map(|definition| {
            let text = |key: &str| {
                definition
                    .get(key)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            let properties = definition
                .get("properties")
                .and_then(|value| value.as_seq())
                .unwrap_or_default()
                .iter()
                .filter_map(|value| value.as_str().map(ToOwned::to_owned))
                .collect::<Vec<_>>();
            (text("name"), text("type"), properties)
        });
        let declared = spec.provides.iter().map(|link| {
            (
                link.name.clone(),
                link.kind.clone(),
                link.properties.clone(),
            )
        });
        for (name, kind, properties) in declared.chain(custom) {
            let provide = said
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, provide)| provide);
            let (shared, consumable) = match provide {
                Some(Provide::Blocked) => (false, false),
                Some(Provide::Offered { shared, .. }) => (*shared, true),
                None => (false, true),
            };
            let shown = shown(spec, job, &properties, &group.name)?;
            offers.push(Offer {
                group: place,
                owner_kind: "job",
                owner: job.name.clone(),
                name: offered_name(said, &name),
                original_name: name,
                kind,
                shared,
                consumable,
                content: content(input, group, shown),
            });
        }
    }
    for disk in group.disks.iter().filter(|disk| !disk.name.is_empty()) {
        let mut shown = Map::new();
        shown.insert("name".into(), json!(disk.name));
        offers.push(Offer {
            group: place,
            owner_kind: "disk",
            owner: disk.name.clone(),
            original_name: disk.name.clone(),
            kind: "disk".to_owned(),
            name: disk.name.clone(),
            shared: false,
            consumable: true,
            content: content(input, group, shown),
        });
    }
    Ok(())
}

/// The properties that a provider lets be known.
fn shown(
    spec: &warren_wire_release::JobSpec,
    job: &crate::JobPlan,
    names: &[String],
    group: &str,
) -> Result<Map<String, Value>, Error> {
    let mut shown = Map::new();
    for name in names {
        if !spec.properties.contains_key(name) {
            return Err(Error::new(
                100,
                format!(
                    "Link property {name} in template {} is not defined in release spec (instance group '{group}')",
                    job.name
                ),
            ));
        }
        let value = lookup(&job.properties, name)?.cloned().unwrap_or_default();
        insert(&mut shown, name, value);
    }
    Ok(shown)
}

fn insert(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            into.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let entry = into
                .entry(first.to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

/// The network that addresses of a group are of, unless a consumer asks for another.
fn default_network(group: &Group) -> Option<String> {
    let first = group.instances.first()?;
    first.primary_network().map(|network| network.name.clone())
}

fn content(input: &Input<'_>, group: &Group, properties: Map<String, Value>) -> Value {
    let features = &input.deployment.features;
    let networks: Vec<&String> = group
        .instances
        .first()
        .map(|instance| {
            instance
                .networks
                .iter()
                .map(|network| &network.name)
                .collect()
        })
        .unwrap_or_default();
    let instances: Vec<Value> = group
        .instances
        .iter()
        .map(|instance| instance_content(input, group, instance))
        .collect();
    let az_ids: Map<String, Value> = input
        .ids
        .azs
        .iter()
        .map(|(name, id)| (name.clone(), json!(id.to_string())))
        .collect();
    let network_ids: Map<String, Value> = input
        .ids
        .networks
        .iter()
        .map(|(name, id)| (name.clone(), json!(id.to_string())))
        .collect();
    let group_id = input
        .ids
        .groups
        .get(&("instance-group".to_owned(), group.name.clone()));
    json!({
        "deployment_name": input.deployment.name,
        "domain": input.director.domain,
        "default_network": default_network(group),
        "networks": networks,
        "instance_group": group.name,
        "properties": properties,
        "use_short_dns_addresses": features.use_short_dns_addresses.unwrap_or(false),
        "use_dns_addresses": group.use_dns_addresses,
        "use_link_dns_names": features.use_link_dns_names,
        "instances": instances,
        "group_id": group_id.map(i64::to_string),
        "az_ids": az_ids,
        "network_ids": network_ids,
    })
}

fn instance_content(input: &Input<'_>, group: &Group, instance: &InstancePlan) -> Value {
    let mut addresses = Map::new();
    let mut names = Map::new();
    for network in &instance.networks {
        if let Some(address) = &network.address {
            addresses.insert(
                network.name.clone(),
                json!(address.address.first().to_string()),
            );
        }
        names.insert(
            network.name.clone(),
            json!(dns_name(input, &group.name, instance, &network.name)),
        );
    }
    let row = instance
        .existing
        .map(|place| input.existing.instances[place].id);
    json!({
        "name": group.name, "id": instance.uuid, "index": instance.index,
        "bootstrap": instance.bootstrap, "az": instance.az,
        "addresses": addresses, "dns_addresses": names, "row": row,
    })
}

/// The DNS name of an instance on a network, short where the manifest says so.
pub(crate) fn dns_name(
    input: &Input<'_>,
    group: &str,
    instance: &InstancePlan,
    network: &str,
) -> String {
    let place = Place {
        group,
        network,
        deployment: &input.deployment.name,
        domain: &input.director.domain,
    };
    let is_short = input
        .deployment
        .features
        .use_short_dns_addresses
        .unwrap_or(false);
    let row = instance
        .existing
        .map(|place| input.existing.instances[place].id);
    let network_id = input.ids.networks.get(network);
    let group_id = input
        .ids
        .groups
        .get(&("instance-group".to_owned(), group.to_owned()));
    match (is_short, row, network_id, group_id) {
        (true, Some(row), Some(network), Some(group)) => {
            short_instance(row, *network, *group, &input.director.domain)
        }
        _ => place.instance(&instance.uuid),
    }
}

fn find(
    input: &Input<'_>,
    group: &str,
    offers: &[Offer],
    groups: &[Group],
    said: Option<&Consume>,
    want: &mut Want,
) -> Result<Option<Found>, String> {
    let (mut network, mut ip_addresses, mut deployment) = (None, None, None);
    match said {
        Some(Consume::Blocked) => {
            want.blocked = true;
            if want.optional {
                return Ok(None);
            }
            return Err(format!(
                "Link '{}' in job '{}' of instance group '{group}' was explicitly blocked by 'nil', but it is not optional",
                want.original_name, want.owner
            ));
        }
        Some(Consume::Manual(manual)) => {
            return Ok(Some(Found {
                from: From::Manual,
                values: Value::Object(json::from_mapping(manual)),
            }));
        }
        Some(Consume::From {
            from,
            deployment: other,
            network: asked,
            ip_addresses: ips,
        }) => {
            want.name = Some(
                from.as_deref()
                    .map_or(want.original_name.as_str(), |from| {
                        from.rsplit('.').next().unwrap_or(from)
                    })
                    .to_owned(),
            );
            // Saying only how addresses should look is not asking for a name.
            if from.is_none() && other.is_none() {
                want.name = None;
            }
            network.clone_from(asked);
            ip_addresses = *ips;
            deployment = other
                .clone()
                .filter(|other| *other != input.deployment.name);
        }
        None => {}
    }
    let candidates = candidates(input, offers, groups, want, deployment.as_deref());
    match candidates.as_slice() {
        [(from, content, _)] => {
            let values = seen(content, network.as_deref(), ip_addresses, want, group)?;
            Ok(Some(Found {
                from: *from,
                values,
            }))
        }
        [] if want.optional && want.name.is_none() => Ok(None),
        several => {
            let head = format!(
                "Failed to resolve link '{}' with type '{}' from job '{}' in instance group '{group}'.",
                want.original_name, want.kind, want.owner
            );
            if several.is_empty() {
                let name = want
                    .name
                    .as_ref()
                    .map_or(String::new(), |name| format!(" and name '{name}'"));
                let place =
                    deployment.map_or(String::new(), |name| format!(" in deployment '{name}'"));
                Err(format!(
                    "{head} Details below:\n- No link providers found with type '{}'{name}{place}",
                    want.kind
                ))
            } else {
                let list: Vec<String> = several
                    .iter()
                    .map(|(_, _, title)| format!("- {title}"))
                    .collect();
                Err(format!(
                    "{head} Multiple link providers found:\n{}",
                    list.join("\n")
                ))
            }
        }
    }
}

fn candidates(
    input: &Input<'_>,
    offers: &[Offer],
    groups: &[Group],
    want: &Want,
    deployment: Option<&str>,
) -> Vec<(From, Value, String)> {
    let fits = |kind: &str, name: &str| {
        kind == want.kind && want.name.as_ref().is_none_or(|wanted| wanted == name)
    };
    let title = |name: &str, kind: &str, owner: &str, group: &str, deployment: &str| {
        format!(
            "Link provider '{name}' with type '{kind}' from job '{owner}' in instance group '{group}' in deployment '{deployment}'"
        )
    };
    match deployment {
        None => offers
            .iter()
            .enumerate()
            .filter(|(_, offer)| offer.consumable && fits(&offer.kind, &offer.name))
            .map(|(place, offer)| {
                let group = &groups[offer.group].name;
                let own = &input.deployment.name;
                (
                    From::Own(place),
                    offer.content.clone(),
                    title(&offer.name, &offer.kind, &offer.owner, group, own),
                )
            })
            .collect(),
        Some(deployment) => input
            .providers
            .iter()
            .filter(|provider| {
                provider.deployment == deployment && fits(&provider.kind, &provider.name)
            })
            .map(|provider| {
                (
                    From::Shared(provider.id),
                    provider.content.clone(),
                    title(
                        &provider.name,
                        &provider.kind,
                        &provider.owner,
                        &provider.group,
                        deployment,
                    ),
                )
            })
            .collect(),
    }
}

/// What somebody outside of all deployments sees of a provider's content, on a network or on the
/// provider's own. Addresses are as the provider's deployment has them.
///
/// # Errors
/// A network that the provider is not on.
pub fn for_external(content: &Value, network: Option<&str>) -> Result<Value, String> {
    let want = Want {
        group: 0,
        job: 0,
        owner: String::new(),
        original_name: String::new(),
        kind: String::new(),
        name: None,
        optional: false,
        blocked: false,
        found: None,
    };
    seen(content, network, None, &want, "")
}

/// What templates see of a provider's content.
fn seen(
    content: &Value,
    network: Option<&str>,
    ip_addresses: Option<bool>,
    want: &Want,
    group: &str,
) -> Result<Value, String> {
    let text = |key: &str| content.get(key).and_then(Value::as_str);
    let network = network
        .or_else(|| text("default_network"))
        .unwrap_or_default();
    let networks = content.get("networks").and_then(Value::as_array);
    if let Some(networks) = networks
        && !networks.is_empty()
        && !networks.iter().any(|known| known.as_str() == Some(network))
    {
        let known: Vec<&str> = networks.iter().filter_map(Value::as_str).collect();
        return Err(format!(
            "Provider link does not have network: '{network}' (link '{}' of job '{}' in instance group '{group}'; it has {})",
            want.original_name,
            want.owner,
            known.join(", ")
        ));
    }
    let flag = |key: &str| content.get(key).and_then(Value::as_bool).unwrap_or(false);
    let wants_ip = ip_addresses.unwrap_or_else(|| !flag("use_dns_addresses"));
    let instances: Vec<Value> = content
        .get("instances")
        .and_then(Value::as_array)
        .map(|list| {
            list.iter()
                .map(|instance| {
                    let at = |key: &str| instance.get(key).and_then(|map| map.get(network));
                    let address = match at("addresses") {
                        Some(ip) if wants_ip => Some(ip),
                        _ => at("dns_addresses"),
                    };
                    let mut seen = Map::new();
                    for key in ["name", "id", "index", "bootstrap", "az"] {
                        let value = instance.get(key).cloned().unwrap_or_default();
                        seen.insert(key.to_owned(), value);
                    }
                    seen.insert("address".to_owned(), address.cloned().unwrap_or_default());
                    Value::Object(seen)
                })
                .collect()
        })
        .unwrap_or_default();
    let instance_ids: Map<String, Value> = content
        .get("instances")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|instance| {
            let id = instance.get("id")?.as_str()?.to_owned();
            Some((id, json!(instance.get("row")?.as_i64()?.to_string())))
        })
        .collect();
    let label = |key: &str| crate::names::canonical(text(key).unwrap_or_default());
    Ok(json!({
        "instances": instances,
        "properties": content.get("properties").cloned().unwrap_or_default(),
        "names": {
            "short": flag("use_short_dns_addresses"),
            "group_id": content.get("group_id").cloned().unwrap_or_default(),
            "az_ids": content.get("az_ids").cloned().unwrap_or_default(),
            "network_id": content.get("network_ids").and_then(|ids| ids.get(network)),
            "instance_ids": instance_ids,
            "instance_group": label("instance_group"),
            "network": crate::names::canonical(network),
            "deployment": label("deployment_name"),
            "domain": text("domain"),
        },
    }))
}
