//! Instances and VMs as their agents describe them: one JSON object a line.

use serde::{Deserialize, Deserializer};

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, path_segment};

/// A number that some directors write as a text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// As agents write it.
    Text(String),
    /// As it should be.
    Number(serde_json::Number),
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Figure::Text(text) => f.write_str(text),
            Figure::Number(number) => number.fmt(f),
        }
    }
}

impl Figure {
    /// As a number, if it is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Figure::Text(text) => text.parse().ok(),
            Figure::Number(number) => number.as_f64(),
        }
    }
}

/// What is `null` where a director has nothing to say, as a stemcell's name is without a VM.
fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// An instance or a VM.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Instance {
    /// Its identity.
    pub id: Option<String>,
    /// Its number in the group.
    pub index: Option<i64>,
    /// The group.
    pub job_name: Option<String>,
    /// What its jobs do; nothing without a VM.
    pub job_state: Option<String>,
    /// What its jobs should do.
    pub state: Option<String>,
    /// Availability zone.
    pub az: Option<String>,
    /// Addresses.
    #[serde(deserialize_with = "or_nothing")]
    pub ips: Vec<String>,
    /// Its VM.
    pub vm_cid: Option<String>,
    /// Its VM's type.
    pub vm_type: Option<String>,
    /// When its VM was made.
    pub vm_created_at: Option<String>,
    /// Whether the VM is the one in use.
    pub active: Option<bool>,
    /// Its disks.
    #[serde(deserialize_with = "or_nothing")]
    pub disk_cids: Vec<String>,
    /// Its agent.
    pub agent_id: Option<String>,
    /// Whether it is the first of its group.
    #[serde(deserialize_with = "or_nothing")]
    pub bootstrap: bool,
    /// Whether deploys pass it over.
    #[serde(deserialize_with = "or_nothing")]
    pub ignore: bool,
    /// What it runs on.
    pub stemcell: Option<Stemcell>,
    /// How its VM is.
    pub vitals: Option<Vitals>,
    /// Its processes.
    #[serde(deserialize_with = "or_nothing")]
    pub processes: Vec<Process>,
    /// What the CPI made its VM by.
    pub cloud_properties: Option<serde_json::Value>,
}

impl Instance {
    /// `GROUP/ID`.
    pub fn name(&self) -> String {
        let group = self.job_name.as_deref().unwrap_or("?");
        match (&self.id, self.index) {
            (Some(id), _) if !id.is_empty() => format!("{group}/{id}"),
            (_, Some(index)) => format!("{group}/{index}"),
            _ => format!("{group}/?"),
        }
    }
}

/// What an instance runs on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Stemcell {
    /// Its name.
    #[serde(deserialize_with = "or_nothing")]
    pub name: String,
    /// Its version.
    #[serde(deserialize_with = "or_nothing")]
    pub version: String,
}

/// How a VM is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// Processor.
    #[serde(deserialize_with = "or_nothing")]
    pub cpu: Cpu,
    /// Memory.
    #[serde(deserialize_with = "or_nothing")]
    pub mem: Memory,
    /// Swap.
    #[serde(deserialize_with = "or_nothing")]
    pub swap: Memory,
    /// Since it was booted.
    #[serde(deserialize_with = "or_nothing")]
    pub uptime: Uptime,
    /// Over 1, 5 and 15 minutes.
    #[serde(deserialize_with = "or_nothing")]
    pub load: Vec<Figure>,
    /// Disks.
    #[serde(deserialize_with = "or_nothing")]
    pub disk: Disks,
}

/// Use of the processor, percent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// Of a process.
    pub total: Option<Figure>,
    /// By programs.
    pub user: Option<Figure>,
    /// By the kernel.
    pub sys: Option<Figure>,
    /// Waiting.
    pub wait: Option<Figure>,
}

/// Use of memory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// KiB.
    pub kb: Option<Figure>,
    /// Of all.
    pub percent: Option<Figure>,
}

/// A time span.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Uptime {
    /// Seconds.
    pub secs: Option<u64>,
}

/// Use of disks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Disks {
    /// The root.
    pub system: Disk,
    /// `/var/vcap/data`.
    pub ephemeral: Disk,
    /// `/var/vcap/store`.
    pub persistent: Disk,
}

/// Use of a disk.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// Of its bytes.
    pub percent: Option<Figure>,
    /// Of its inodes.
    pub inode_percent: Option<Figure>,
}

/// A process.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: String,
    /// Since it was started.
    pub uptime: Uptime,
    /// Its memory.
    pub mem: Memory,
    /// Its use of the processor.
    pub cpu: Cpu,
}

/// Which of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All VMs.
    Vms,
    /// All instances, VM or not.
    Instances,
}

/// Objects, one a line.
///
/// # Errors
/// [`Error::Unmarshal`], naming `what`.
pub fn parse_lines<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    what: &str,
) -> Result<Vec<T>, Error> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    lines
        .map(|line| {
            serde_json::from_slice(line).map_err(|source| Error::Unmarshal {
                path: what.to_owned(),
                source,
            })
        })
        .collect()
}

impl Director {
    /// Has agents describe their VMs; the task, whose result is for [`parse_lines`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn describe_instances(&self, deployment: &str, kind: Kind) -> Result<u64, Error> {
        let name = match kind {
            Kind::Vms => "vms",
            Kind::Instances => "instances",
        };
        let path = format!(
            "/deployments/{}/{name}?format=full",
            path_segment(deployment)
        );
        // It answers a read with a task.
        self.start(Method::Get, &path, Body::None)
            .step(|| format!("Listing deployment '{deployment}' {name} infos"))
            .step(|| format!("Fetching deployment '{deployment}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_without_a_vm_has_nothing_to_say() {
        // As stock directors answer for an errand that is not running.
        let line = r#"{"vm_cid":null,"active":null,"vm_created_at":null,"cloud_properties":{},"disk_cid":null,"disk_cids":[],"ips":[],"agent_id":null,"job_name":"smoke-tests","index":0,"job_state":null,"state":"started","vm_type":null,"vitals":null,"processes":[],"az":"z1","id":"b6c4fa99","bootstrap":true,"ignore":false,"stemcell":{"name":null,"version":null,"api_version":null}}"#;
        let found: Vec<Instance> = parse_lines(line.as_bytes(), "instances").unwrap();
        assert_eq!(found[0].name(), "smoke-tests/b6c4fa99");
        assert_eq!(found[0].stemcell.as_ref().unwrap().name, "");
        assert!(found[0].processes.is_empty() && found[0].job_state.is_none());
    }
}
