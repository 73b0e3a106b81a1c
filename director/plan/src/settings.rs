//! What an agent and a CPI are told of a network.

use serde_json::{Map, Value, json};
use warren_wire_manifest::cloud_config::{Network, NetworkKind, Subnet};
use warren_wire_manifest::ip::Cidr;

use crate::json::from_mapping;

/// Of a manual network, for an address in one of its subnets.
#[must_use]
pub fn manual(subnet: &Subnet, address: Cidr, default: &[String]) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("type".into(), json!("manual"));
    settings.insert("ip".into(), json!(address.first().to_string()));
    settings.insert("prefix".into(), json!(address.prefix().to_string()));
    if let Some(range) = subnet.range {
        settings.insert("netmask".into(), json!(range.netmask().to_string()));
    }
    settings.insert(
        "cloud_properties".into(),
        Value::Object(from_mapping(&subnet.cloud_properties)),
    );
    if !default.is_empty() {
        settings.insert("default".into(), json!(default));
    }
    if let Some(dns) = &subnet.dns {
        let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
        settings.insert("dns".into(), json!(dns));
    }
    if let Some(gateway) = subnet.gateway {
        settings.insert("gateway".into(), json!(gateway.to_string()));
    }
    settings
}

/// Of a dynamic network, in a zone.
#[must_use]
pub fn dynamic(network: &Network, az: Option<&str>, default: &[String]) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("type".into(), json!("dynamic"));
    if let NetworkKind::Dynamic { subnets } = &network.kind {
        let subnet = subnets.iter().find(|subnet| match (&subnet.azs, az) {
            (None, _) => true,
            (Some(azs), Some(az)) => azs.iter().any(|name| name == az),
            (Some(_), None) => false,
        });
        if let Some(subnet) = subnet.or(subnets.first()) {
            settings.insert(
                "cloud_properties".into(),
                Value::Object(from_mapping(&subnet.cloud_properties)),
            );
            if let Some(dns) = &subnet.dns {
                let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
                settings.insert("dns".into(), json!(dns));
            }
        }
    }
    settings.insert("prefix".into(), json!("32"));
    if !default.is_empty() {
        settings.insert("default".into(), json!(default));
    }
    settings
}

/// Of a VIP network.
#[must_use]
pub fn vip(network: &Network, address: Cidr) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("type".into(), json!("vip"));
    settings.insert("ip".into(), json!(address.first().to_string()));
    if let NetworkKind::Vip {
        cloud_properties, ..
    } = &network.kind
    {
        settings.insert(
            "cloud_properties".into(),
            Value::Object(from_mapping(cloud_properties)),
        );
    }
    settings.insert("prefix".into(), json!(address.prefix().to_string()));
    settings
}
