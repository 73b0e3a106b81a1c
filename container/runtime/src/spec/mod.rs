//! What a caller wants: a container ([`ContainerSpec`]) and processes in it ([`ProcessSpec`]).
//!
//! Both are kept as JSON by those who call the engine, so fields are only ever added, with a
//! default.

mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use warren_sys_devicefilter::DeviceRule;

use crate::groups::Place;

pub use process::{OwnRoot, ProcessSpec, RLIMITS, Resource, Terminal};

/// Longest host name the kernel takes is 64; Garden's is cut to the last 49 bytes of the handle.
const HOSTNAME_LENGTH: usize = 49;

/// Where the init program is inside the container. Its name is what `/proc/1/comm` shows.
pub const INIT_PATH: &str = "/tmp/garden-init";

/// What the init program is called (`comm`, and how the executable knows its part).
pub const INIT_NAME: &str = "garden-init";

/// A container as it is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// Its name, as clients call it.
    pub handle: String,
    /// The root directory on the host: mounted, and owned by the container's users.
    pub rootfs: PathBuf,
    /// Whether it stays in the machine's user namespace and gets all that we have.
    #[serde(default)]
    pub privileged: bool,
    /// Environment of the image and of the container, `K=V`, in order; later ones win.
    #[serde(default)]
    pub env: Vec<String>,
    /// Directories and files of the host, mounted in this order.
    #[serde(default)]
    pub binds: Vec<Bind>,
    /// The file on the host that becomes `/etc/hosts`.
    #[serde(default)]
    pub hosts: Option<PathBuf>,
    /// The file on the host that becomes `/etc/resolv.conf`.
    #[serde(default)]
    pub resolv_conf: Option<PathBuf>,
    /// The file on the host that becomes `/etc/hostname`.
    #[serde(default)]
    pub hostname_file: Option<PathBuf>,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
    /// The program on the host that runs as its pid 1, seen inside at [`INIT_PATH`].
    pub init: PathBuf,
    /// Its control group.
    pub cgroup: CgroupSpec,
    /// Devices it may use beside the usual ones.
    #[serde(default)]
    pub devices: Vec<DeviceRule>,
    /// Whether an unprivileged container's system calls are filtered.
    #[serde(default = "yes")]
    pub seccomp: bool,
    /// The program that makes it, if not the built-in engine: runc, crun or alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<PathBuf>,
    /// The AppArmor profile of an unprivileged container's programs, which must be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apparmor: Option<String>,
    /// Kernel parameters of its namespaces, by name, in place of those that it takes over from its
    /// host ([`crate::host::SYSCTLS`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
}

/// A file or directory of the host, seen in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// In the container.
    pub destination: PathBuf,
    /// Whether the container may write.
    #[serde(default)]
    pub writable: bool,
    /// Whether what is mounted below it on one side stays there. Else a bind of a shared mount in a
    /// privileged container is its peer.
    #[serde(default)]
    pub private: bool,
}

/// What a container may use in all. `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of memory; swap comes on top only if `swap` says so.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Whether memory beyond the limit may be swapped out. Not, if absent.
    #[serde(default)]
    pub swap: bool,
    /// Relative share of the CPUs, in cgroup v1's unit (1024 is usual).
    #[serde(default)]
    pub cpu_shares: Option<u64>,
    /// Processes and threads.
    #[serde(default)]
    pub pids: Option<u64>,
    /// Microseconds of CPU time in each tenth of a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<u64>,
    /// Relative share of block devices, 10 to 1000 (100 is usual).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_weight: Option<u16>,
}

/// Where a container's group is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CgroupSpec {
    /// The groups in which it is made.
    pub parent: Place,
    /// Its directory's name there.
    pub name: String,
    /// The groups into which the process that keeps it goes, if they are not those of whoever
    /// starts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<Place>,
}

impl ContainerSpec {
    /// An unprivileged container with nothing special, its group called as it is.
    #[must_use]
    pub fn new(handle: &str, rootfs: PathBuf, init: PathBuf, parent: Place) -> Self {
        Self {
            handle: handle.to_owned(),
            rootfs,
            privileged: false,
            env: Vec::new(),
            binds: Vec::new(),
            hosts: None,
            resolv_conf: None,
            hostname_file: None,
            limits: Limits::default(),
            init,
            cgroup: CgroupSpec {
                parent,
                name: handle.to_owned(),
                keeper: None,
            },
            devices: Vec::new(),
            seccomp: true,
            apparmor: None,
            sysctls: BTreeMap::new(),
            runtime: None,
        }
    }

    /// The host name: the last 49 bytes of the handle, from the next whole character on.
    #[must_use]
    pub fn hostname(&self) -> &str {
        let mut start = self.handle.len().saturating_sub(HOSTNAME_LENGTH);
        while !self.handle.is_char_boundary(start) {
            start += 1;
        }
        self.handle.get(start..).unwrap_or_default()
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(handle: &str) -> ContainerSpec {
        ContainerSpec::new(handle, "/r".into(), "/i".into(), Place::default())
    }

    #[test]
    fn the_host_name_is_the_end_of_the_handle() {
        assert_eq!(spec("short").hostname(), "short");
        let long = format!("{}{}", "a".repeat(30), "b".repeat(49));
        assert_eq!(spec(&long).hostname(), "b".repeat(49));
        let cut = format!("ä{}", "b".repeat(48));
        assert_eq!(spec(&cut).hostname(), "b".repeat(48));
    }

    #[test]
    fn json_round_trips_and_defaults_are_safe() {
        let whole = spec("h");
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<ContainerSpec>(&text).unwrap(), whole);
        let least = r#"{"handle":"h","rootfs":"/r","init":"/i","cgroup":{"parent":{},"name":"h"}}"#;
        let least: ContainerSpec = serde_json::from_str(least).unwrap();
        assert!(least.seccomp && !least.privileged);
        assert_eq!(least, whole);
    }
}
