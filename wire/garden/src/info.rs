//! What a server tells about a container.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::container::Properties;
use crate::error::Error;
use crate::network::Transport;
use crate::number::is_zero;
use crate::redact::Hidden;

/// The answer to an info request. Every key is always written.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerInfo {
    /// [`ContainerInfo::ACTIVE`] or [`ContainerInfo::STOPPED`].
    pub state: String,
    /// What happened to it, as [`ContainerInfo::OOM`]; `null` when empty.
    #[serde(serialize_with = "null_when_empty")]
    pub events: Vec<String>,
    /// The gateway: its bridge's address.
    #[serde(rename = "HostIP")]
    pub host_ip: String,
    /// Its own address.
    #[serde(rename = "ContainerIP")]
    pub container_ip: String,
    /// Its own IPv6 address, if any.
    #[serde(rename = "ContainerIPv6")]
    pub container_ipv6: String,
    /// Where mapped ports are reached.
    #[serde(rename = "ExternalIP")]
    pub external_ip: String,
    /// The folder of its bundle, on the server.
    pub container_path: String,
    /// Always `null` from the stock server.
    #[serde(rename = "ProcessIDs", serialize_with = "null_when_empty")]
    pub process_ids: Vec<String>,
    /// Its properties; `null` when there are none.
    #[serde(serialize_with = "null_when_no_entry")]
    pub properties: Properties,
    /// Its port mappings: `[]` for a container without any, and `null` (absent
    /// here) only in the empty info beside a bulk error.
    pub mapped_ports: Option<Vec<PortMapping>>,
}

impl ContainerInfo {
    /// State of a container that was not stopped.
    pub const ACTIVE: &str = "active";
    /// State of a container after a stop, for good.
    pub const STOPPED: &str = "stopped";
    /// Event: the kernel killed a process for want of memory.
    pub const OOM: &str = "oom";
}

impl fmt::Debug for ContainerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerInfo")
            .field("state", &self.state)
            .field("events", &self.events)
            .field("host_ip", &self.host_ip)
            .field("container_ip", &self.container_ip)
            .field("container_ipv6", &self.container_ipv6)
            .field("external_ip", &self.external_ip)
            .field("container_path", &self.container_path)
            .field("process_ids", &self.process_ids)
            .field("properties", &Hidden(self.properties.len()))
            .field("mapped_ports", &self.mapped_ports)
            .finish()
    }
}

/// One port mapping of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortMapping {
    /// Port outside.
    pub host_port: u32,
    /// Port inside.
    pub container_port: u32,
    /// For what; TCP by default.
    #[serde(skip_serializing_if = "is_zero")]
    pub protocol: Transport,
}

/// One container's part of a bulk answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerInfoEntry {
    /// The info; empty beside an error.
    pub info: ContainerInfo,
    /// Why there is none.
    pub err: Option<Error>,
}

impl From<Result<ContainerInfo, Error>> for ContainerInfoEntry {
    fn from(result: Result<ContainerInfo, Error>) -> Self {
        match result {
            Ok(info) => Self { info, err: None },
            Err(error) => Self {
                info: ContainerInfo::default(),
                err: Some(error.into_untyped()),
            },
        }
    }
}

/// Answer to a bulk info request, by handle.
pub type BulkInfoResponse = BTreeMap<String, ContainerInfoEntry>;

fn null_when_empty<S: serde::Serializer>(
    items: &[String],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if items.is_empty() {
        serializer.serialize_none()
    } else {
        items.serialize(serializer)
    }
}

fn null_when_no_entry<S: serde::Serializer>(
    entries: &Properties,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if entries.is_empty() {
        serializer.serialize_none()
    } else {
        entries.serialize(serializer)
    }
}
