//! What is seen of a provider: by templates on a network, and by somebody outside of all deployments.

use serde_json::{Map, Value, json};

use super::Want;

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
pub(super) fn seen(
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
