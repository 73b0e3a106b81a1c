//! The columns of `record_infos` and the definitions of `aliases`, as a name server reads them.
//!
//! A row that is not what the columns say is left out, as stock name servers do; so is one whose
//! address is none (the director marks deletions with such rows).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::Records;

/// One instance on one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The instance's id, a UUID.
    pub id: String,
    /// The number of its row; empty where there is none, as the other numbers.
    pub num_id: String,
    /// Its instance group.
    pub group: String,
    /// Numbers of the groups it is in: its own and those of links.
    pub group_ids: Vec<String>,
    /// Its availability zone.
    pub az: String,
    /// The number of that.
    pub az_id: String,
    /// The network.
    pub network: String,
    /// The number of that.
    pub network_id: String,
    /// Its deployment.
    pub deployment: String,
    /// Its address on the network.
    pub ip: IpAddr,
    /// The root of its names, without dots at the ends.
    pub domain: String,
    /// Its agent's id.
    pub agent_id: String,
    /// Its number in the group.
    pub index: String,
}

/// What an alias stands for: the members of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Definition {
    /// The group's number.
    pub group_id: String,
    /// The root of names.
    pub root_domain: String,
    /// What a `_` in the alias stands for: `uuid`, `index`, `availability_zone` or `network`.
    pub placeholder: String,
    /// `smart`, `healthy`, `unhealthy` or `all`.
    pub health: String,
}

impl Records {
    /// All rows that can be read, and how many cannot.
    #[must_use]
    pub fn rows(&self) -> (Vec<Row>, usize) {
        let rows: Vec<Row> = self
            .record_infos
            .iter()
            .filter_map(|info| self.row(info))
            .collect();
        let left_out = self.record_infos.len() - rows.len();
        (rows, left_out)
    }

    fn row(&self, info: &Value) -> Option<Row> {
        let info = info.as_array()?;
        if info.len() != self.record_keys.len() {
            return None;
        }
        let column = |name: &str| {
            let at = self.record_keys.iter().position(|key| key == name)?;
            info.get(at)
        };
        let needed = |name: &str| Some(column(name)?.as_str()?.to_ascii_lowercase());
        let optional = |name: &str| match column(name) {
            None | Some(Value::Null) => Some(String::new()),
            Some(value) => Some(value.as_str()?.to_owned()),
        };
        let group_ids = match column("group_ids") {
            None => Vec::new(),
            Some(ids) => ids
                .as_array()?
                .iter()
                .map(|id| id.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        };
        Some(Row {
            id: needed("id")?,
            num_id: optional("num_id")?,
            group: needed("instance_group")?,
            group_ids,
            az: optional("az")?,
            az_id: optional("az_id")?,
            network: needed("network")?,
            network_id: optional("network_id")?,
            deployment: needed("deployment")?,
            ip: needed("ip")?.parse().ok()?,
            domain: needed("domain")?.trim_matches('.').to_owned(),
            agent_id: optional("agent_id")?.to_ascii_lowercase(),
            index: column("instance_index")
                .and_then(Value::as_u64)
                .map(|index| index.to_string())
                .unwrap_or_default(),
        })
    }

    /// Aliases with what they stand for.
    #[must_use]
    pub fn definitions(&self) -> BTreeMap<String, Vec<Definition>> {
        let Some(aliases) = self.aliases.as_object() else {
            return BTreeMap::new();
        };
        let text = |definition: &Value, key: &str| {
            let value = definition.get(key).and_then(Value::as_str);
            value.unwrap_or_default().to_ascii_lowercase()
        };
        let read = |definition: &Value| Definition {
            group_id: text(definition, "group_id"),
            root_domain: text(definition, "root_domain").trim_matches('.').to_owned(),
            placeholder: text(definition, "placeholder_type"),
            health: text(definition, "health_filter"),
        };
        aliases
            .iter()
            .map(|(name, definitions)| {
                let definitions = definitions
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                (
                    name.to_ascii_lowercase(),
                    definitions.iter().map(read).collect(),
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Records;
    use proptest::prelude::*;

    /// As a director wrote it: the first row is whole, the others are not.
    const RECORDED: &[u8] = br#"{"records":[],"version":46,"record_keys":["id","num_id","instance_group","group_ids","az","az_id","network","network_id","deployment","ip","domain","agent_id","instance_index"],"record_infos":[["9E53905A-4b45-4b55-9d58-3e6e9bb92794","40","zookeeper",["21","23","24"],"z1","1","default","1","zookeeper","10.244.0.2","bosh","c5e4accb",0],["short"],["63fc6ae8","41","zookeeper",["21"],null,null,"default","1","zookeeper","63fc6ae8-tombstone","bosh",null,1],["63fc6ae8",41,"zookeeper",[],null,null,"default","1","zookeeper","10.244.0.3","bosh",null,1],7],"aliases":{"SVC.example":[{"root_domain":"bosh","group_id":"21","health_filter":null,"initial_health_check":null,"placeholder_type":null}],"_.svc.example":[{"root_domain":"bosh","group_id":"21","health_filter":"all","placeholder_type":"uuid"}],"odd":7}}"#;

    #[test]
    fn rows_are_read_and_odd_ones_left_out() {
        let records = Records::parse(RECORDED).unwrap();
        let (rows, left_out) = records.rows();
        assert_eq!((rows.len(), left_out), (1, 4));
        let row = &rows[0];
        assert_eq!(row.id, "9e53905a-4b45-4b55-9d58-3e6e9bb92794");
        assert_eq!((&*row.num_id, &*row.az_id, &*row.index), ("40", "1", "0"));
        assert_eq!(row.group_ids, ["21", "23", "24"]);
        assert_eq!(row.ip.to_string(), "10.244.0.2");
    }

    #[test]
    fn definitions_are_read() {
        let definitions = Records::parse(RECORDED).unwrap().definitions();
        assert_eq!(definitions["svc.example"][0].group_id, "21");
        assert_eq!(definitions["svc.example"][0].health, "");
        assert_eq!(definitions["_.svc.example"][0].placeholder, "uuid");
        assert!(definitions["odd"].is_empty());
    }

    proptest! {
        #[test]
        fn junk_rows_give_an_answer(
            keys in prop::collection::vec("[a-z_]{0,9}", 0..5),
            texts in prop::collection::vec(prop::collection::vec(".{0,9}", 0..5), 0..5),
        ) {
            let record_infos = texts.iter().map(|row| serde_json::json!(row)).collect();
            let records = Records { record_keys: keys, record_infos, ..Records::default() };
            let _ = records.rows();
        }
    }
}
