//! The OCI runtime specification's `config.json`, version 1.2, as far as it is used here.
//!
//! Source: <https://github.com/opencontainers/runtime-spec> (`config.md`, `config-linux.md`). What
//! is left out is absent from the file, which every runtime takes for its default.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use warren_sys_devicefilter::DeviceRule;

/// The version that is written.
pub const VERSION: &str = "1.2.0";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Version of the specification.
    #[serde(rename = "ociVersion")]
    pub version: String,
    /// Root directory.
    pub root: Root,
    /// The init process.
    pub process: Process,
    /// Host name.
    pub hostname: String,
    /// What is mounted, in order.
    pub mounts: Vec<Mount>,
    /// What only Linux has.
    pub linux: Linux,
}

/// `root`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// On the host.
    pub path: PathBuf,
    /// Whether the container may not write to it.
    #[serde(default)]
    pub readonly: bool,
}

/// `process`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Whose.
    pub user: User,
    /// Program and arguments.
    pub args: Vec<String>,
    /// `K=V`.
    #[serde(default)]
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Capability sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Whether a program may gain privileges by being executed.
    #[serde(default)]
    pub no_new_privileges: bool,
    /// The AppArmor profile of its programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apparmor_profile: Option<String>,
}

/// `process.user`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// User id in the container.
    pub uid: u32,
    /// Group id in the container.
    pub gid: u32,
    /// Other groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
}

/// `process.capabilities`: names such as `CAP_CHOWN`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What can still be obtained.
    #[serde(default)]
    pub bounding: Vec<String>,
    /// What is in force.
    #[serde(default)]
    pub effective: Vec<String>,
    /// What may be put in force.
    #[serde(default)]
    pub permitted: Vec<String>,
    /// What programs with file capabilities may inherit.
    #[serde(default)]
    pub inheritable: Vec<String>,
    /// What programs inherit that a user other than root executes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<String>,
}

/// One of `mounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// In the container.
    pub destination: PathBuf,
    /// File system, or `bind`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// On the host, for a bind; else a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// As mount(8) has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// `linux`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Linux {
    /// Ids of users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Ids of groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
    /// Kernel parameters of the namespaces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<String, String>,
    /// Limits and device rules.
    pub resources: Resources,
    /// The control group's name.
    pub cgroups_path: String,
    /// New namespaces.
    pub namespaces: Vec<Namespace>,
    /// Device nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceNode>,
    /// Filter of system calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    /// Propagation of the root mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootfs_propagation: Option<String>,
    /// Paths nobody inside may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked_paths: Vec<String>,
    /// Paths nobody inside may write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readonly_paths: Vec<String>,
}

/// One of `linux.uidMappings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMapping {
    /// First id in the container.
    #[serde(rename = "containerID")]
    pub container: u32,
    /// First id on the host.
    #[serde(rename = "hostID")]
    pub host: u32,
    /// How many.
    pub size: u32,
}

/// `linux.resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// In order; the last that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceRule>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<Pids>,
    /// Block devices.
    #[serde(rename = "blockIO", default, skip_serializing_if = "Option::is_none")]
    pub block_io: Option<BlockIo>,
}

/// `linux.resources.memory`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Bytes of memory and swap together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<i64>,
}

/// `linux.resources.cpu`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// In cgroup v1's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Microseconds in each period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<i64>,
    /// Microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
}

/// `linux.resources.blockIO`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockIo {
    /// 10 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
}

/// `linux.resources.pids`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pids {
    /// How many at most.
    pub limit: i64,
}

/// One of `linux.namespaces`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// `pid`, `network`, `ipc`, `uts`, `mount`, `user`, `cgroup`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One to join instead of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

/// One of `linux.devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceNode {
    /// In the container.
    pub path: PathBuf,
    /// `c` or `b`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permissions.
    pub file_mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// `linux.seccomp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// What happens to calls not named.
    pub default_action: String,
    /// The errno of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Instruction sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Calls by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<Syscall>,
}

/// One of `linux.seccomp.syscalls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscall {
    /// Which.
    pub names: Vec<String>,
    /// `SCMP_ACT_ALLOW` or `SCMP_ACT_ERRNO`.
    pub action: String,
    /// The errno of the latter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// All of these have to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<SyscallArgument>,
}

/// One of `linux.seccomp.syscalls.args`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyscallArgument {
    /// Which argument.
    pub index: u8,
    /// What it is compared with; the mask of a masked comparison.
    pub value: u64,
    /// The value of a masked comparison.
    #[serde(default)]
    pub value_two: u64,
    /// `SCMP_CMP_MASKED_EQ`.
    pub op: String,
}

impl Linux {
    /// Whether there is a new namespace of this type.
    #[must_use]
    pub fn has_namespace(&self, kind: &str) -> bool {
        self.namespaces
            .iter()
            .any(|namespace| namespace.kind == kind && namespace.path.is_none())
    }
}

/// The id outside of an id inside; `None` if it has none. Without mappings every id is itself.
#[must_use]
pub fn outside(mappings: &[IdMapping], inside: u32) -> Option<u32> {
    if mappings.is_empty() {
        return Some(inside);
    }
    mappings.iter().find_map(|mapping| {
        let offset = inside.checked_sub(mapping.container)?;
        (offset < mapping.size).then(|| mapping.host.wrapping_add(offset))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_through_the_mapping() {
        let maximus = [
            IdMapping {
                container: 0,
                host: 4_294_967_294,
                size: 1,
            },
            IdMapping {
                container: 1,
                host: 1,
                size: 4_294_967_293,
            },
        ];
        assert_eq!(outside(&maximus, 0), Some(4_294_967_294));
        assert_eq!(outside(&maximus, 1000), Some(1000));
        assert_eq!(outside(&maximus, 4_294_967_294), None);
        assert_eq!(outside(&[], 7), Some(7));
    }

    #[test]
    fn the_least_file_is_read() {
        let text = r#"{"ociVersion":"1.0.2","root":{"path":"/r"},"hostname":"h","mounts":[],
            "process":{"user":{"uid":0,"gid":0},"args":["/i"],"cwd":"/"},
            "linux":{"resources":{"blockIO":{"weight":100}},"cgroupsPath":"c","namespaces":[{"type":"pid"}]}}"#;
        let spec: Spec = serde_json::from_str(text).unwrap();
        assert!(spec.linux.has_namespace("pid") && !spec.linux.has_namespace("user"));
        let again = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&again).unwrap(), spec);
    }
}
