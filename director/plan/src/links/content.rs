//! What a provider says of itself: its instances with all their addresses and names.

use serde_json::{Map, Value, json};

use crate::Input;
use crate::names::{Place, short_instance};
use crate::output::{Group, InstancePlan};

/// The network that addresses of a group are of, unless a consumer asks for another.
fn default_network(group: &Group) -> Option<String> {
    let first = group.instances.first()?;
    first.primary_network().map(|network| network.name.clone())
}

pub(super) fn content(input: &Input<'_>, group: &Group, properties: Map<String, Value>) -> Value {
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
