//! DNS names of instances and of groups of them, and the document that agents get.
//!
//! ```text
//! UUID.GROUP.NETWORK.DEPLOYMENT.DOMAIN      an instance
//! q-SLUG.GROUP.NETWORK.DEPLOYMENT.DOMAIN    a group
//! q-SLUG.q-gNUMBER.DOMAIN                   the same, short
//! ```
//!
//! Source: reference of the deploy engine, section 9.

use serde_json::{Map, Value, json};

use crate::links::Alias;

/// A label of a name: lower case, `_` as `-`, all else dropped.
#[must_use]
pub fn canonical(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '_' { '-' } else { c })
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
        .collect()
}

/// Where a name is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The instance group.
    pub group: &'a str,
    /// The network.
    pub network: &'a str,
    /// The deployment.
    pub deployment: &'a str,
    /// The root.
    pub domain: &'a str,
}

impl Place<'_> {
    /// The name of an instance, by id or number.
    #[must_use]
    pub fn instance(&self, id: &str) -> String {
        format!("{id}.{}", self.rest())
    }

    /// The name of the whole group with the default health rule.
    #[must_use]
    pub fn group(&self) -> String {
        format!("q-s0.{}", self.rest())
    }

    fn rest(&self) -> String {
        format!(
            "{}.{}.{}.{}",
            canonical(self.group),
            canonical(self.network),
            canonical(self.deployment),
            self.domain
        )
    }
}

/// The short name of an instance: by the number of its row, of the network and of the group.
#[must_use]
pub fn short_instance(instance: i64, network: i64, group: i64, domain: &str) -> String {
    // The parts are sorted as texts, which puts `m` before `n` before `s`.
    format!("q-m{instance}n{network}s0.q-g{group}.{domain}")
}

/// Which instances of a group a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Those that are healthy; all of them if none is.
    #[default]
    Default,
    /// Those that are not.
    Unhealthy,
    /// Those that are.
    Healthy,
    /// All of them.
    All,
}

/// The name of what a link leads to: `names` of its values, in these zones or in all, with this health.
///
/// # Errors
/// The name of a zone that the director does not know.
pub fn of_link<'a>(names: &Value, azs: &[&'a str], health: Health) -> Result<String, &'a str> {
    let text = |key: &str| {
        let value = names.get(key).and_then(Value::as_str);
        value.unwrap_or_default()
    };
    let mut slug = Vec::new();
    for az in azs {
        let id = names.get("az_ids").and_then(|ids| ids.get(az)?.as_str());
        slug.push(format!("a{}", id.ok_or(*az)?));
    }
    let is_short = names.get("short").and_then(Value::as_bool) == Some(true);
    if is_short && !text("network_id").is_empty() {
        slug.push(format!("n{}", text("network_id")));
    }
    slug.push(format!(
        "s{}",
        match health {
            Health::Default => 0,
            Health::Unhealthy => 1,
            Health::Healthy => 3,
            Health::All => 4,
        }
    ));
    slug.sort();
    let slug = slug.concat();
    Ok(if is_short {
        format!("q-{slug}.q-g{}.{}", text("group_id"), text("domain"))
    } else {
        format!(
            "q-{slug}.{}.{}.{}.{}",
            text("instance_group"),
            text("network"),
            text("deployment"),
            text("domain")
        )
    })
}

/// A record as rows have it, with the numbers that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The address.
    pub ip: String,
    /// The instance's id.
    pub uuid: String,
    /// The number of its row.
    pub instance: i64,
    /// Its group.
    pub group: String,
    /// Numbers of the groups that it is in: its own first, then those of links.
    pub group_ids: Vec<i64>,
    /// Where it is.
    pub az: Option<(String, i64)>,
    /// Its network.
    pub network: (String, i64),
    /// The deployment.
    pub deployment: String,
    /// The root.
    pub domain: String,
    /// Its agent.
    pub agent_id: Option<String>,
    /// Its number in the group.
    pub index: i64,
}

/// The names of all columns, in order.
pub const KEYS: [&str; 13] = [
    "id",
    "num_id",
    "instance_group",
    "group_ids",
    "az",
    "az_id",
    "network",
    "network_id",
    "deployment",
    "ip",
    "domain",
    "agent_id",
    "instance_index",
];

/// A name of a manifest's choice for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAlias {
    /// The group's number.
    pub group_id: i64,
    /// The root of the group's names.
    pub root_domain: String,
    /// What the manifest says.
    pub alias: Alias,
}

/// The aliases of the document: lists of what each name stands for.
fn aliases(all: &[GroupAlias]) -> Value {
    let mut names = Map::new();
    for GroupAlias {
        group_id,
        root_domain,
        alias,
    } in all
    {
        let target = json!({
            "root_domain": root_domain,
            "group_id": group_id.to_string(),
            "health_filter": alias.health_filter,
            "initial_health_check": alias.initial_health_check,
            "placeholder_type": alias.placeholder_type,
        });
        let list = names
            .entry(alias.domain.clone())
            .or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(target);
        }
    }
    Value::Object(names)
}

/// The document of all names. Ids are texts, the instance's index is a number.
#[must_use]
pub fn document(
    version: i64,
    records: &[Record],
    group_aliases: &[GroupAlias],
    include_index: bool,
) -> Value {
    let mut pairs = Vec::new();
    let mut infos = Vec::new();
    for record in records {
        let place = Place {
            group: &record.group,
            network: &record.network.0,
            deployment: &record.deployment,
            domain: &record.domain,
        };
        pairs.push(json!([record.ip, place.instance(&record.uuid)]));
        if include_index {
            pairs.push(json!([
                record.ip,
                place.instance(&record.index.to_string())
            ]));
        }
        let ids: Vec<String> = record.group_ids.iter().map(i64::to_string).collect();
        infos.push(json!([
            record.uuid,
            record.instance.to_string(),
            canonical(&record.group),
            ids,
            record.az.as_ref().map(|(name, _)| name),
            record.az.as_ref().map(|(_, id)| id.to_string()),
            canonical(&record.network.0),
            record.network.1.to_string(),
            canonical(&record.deployment),
            record.ip,
            record.domain,
            record.agent_id,
            record.index,
        ]));
    }
    json!({
        "records": pairs, "version": version, "record_keys": KEYS,
        "record_infos": infos, "aliases": aliases(group_aliases),
    })
}
