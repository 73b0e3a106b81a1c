//! Networks of a machine, as a director describes them to a CPI.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Networks by name.
pub type Networks = BTreeMap<String, Network>;

/// A network of a machine. What is not known is kept, for a CPI gives back what it was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// `manual`, `dynamic` or `vip`; absent means manual.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The address; not of dynamic networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Its mask, dotted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netmask: Option<String>,
    /// Of the subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Vec<String>>,
    /// What the network is the default for: `dns`, `gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Vec<String>>,
    /// What else the CPI is told.
    #[serde(default)]
    pub cloud_properties: Map<String, Value>,
    /// Everything else: `prefix`, `nic_group`, `routes`.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Network {
    /// Whether the network gives its addresses by itself.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.kind.as_deref() == Some("dynamic")
    }

    /// Whether the address is one that something outside of the machine turns to it.
    #[must_use]
    pub fn is_vip(&self) -> bool {
        self.kind.as_deref() == Some("vip")
    }

    /// Whether it is the default for `what`.
    #[must_use]
    pub fn is_default_for(&self, what: &str) -> bool {
        self.default
            .as_ref()
            .is_some_and(|list| list.iter().any(|item| item == what))
    }
}
