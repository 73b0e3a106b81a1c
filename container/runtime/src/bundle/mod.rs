//! The rules that turn what is wanted into an OCI bundle. All of them are pure.
//!
//! | rule | unprivileged | privileged |
//! |---|---|---|
//! | [`namespaces`] | all, with user | all but user |
//! | [`ids`] | root is the greatest id there is | the host's |
//! | [`mounts`] | cgroups read-only | cgroups writable |
//! | [`devices`] | the usual six | and `fuse`, `net/tun` |
//! | [`capabilities`] | 14 | all that we have |
//! | [`seccomp`] | a list of what is allowed | none |
//! | [`masked`] | eight paths | none |
//! | AppArmor profile | the one that is wanted | none |
//! | [`environment`], [`resources`] | the same | the same |
//!
//! A process with a root directory of its own gets a bundle made out of the container's:
//! [`own_root`].
//!
//! A container whose binds include `/sys/fs/cgroup` sees the host's groups as the host does: it
//! gets exactly that bind, and no cgroup namespace.

pub mod capabilities;
pub mod devices;
pub mod environment;
pub mod ids;
pub mod masked;
pub mod mounts;
pub mod namespaces;
pub mod own_root;
pub mod resources;
pub mod seccomp;
pub mod syscalls;
pub mod syscalls32;
#[cfg(test)]
mod tests;

use std::path::{Component, Path};

use crate::host::Host;
use crate::oci::{Linux, Process, Root, Spec, User, VERSION};
use crate::spec::{ContainerSpec, INIT_PATH};

/// Where containers expect cgroups.
pub const CGROUPS: &str = "/sys/fs/cgroup";

/// The bundle of a container on this host.
#[must_use]
pub fn build(spec: &ContainerSpec, host: &Host) -> Spec {
    let mappings = ids::mappings(spec, host);
    Spec {
        version: VERSION.to_owned(),
        root: Root {
            path: spec.rootfs.clone(),
            readonly: false,
        },
        process: Process {
            user: User::default(),
            args: vec![INIT_PATH.to_owned()],
            env: environment::merge(&[&spec.env]),
            cwd: "/".to_owned(),
            capabilities: Some(capabilities::of_root(spec.privileged, host.bounding)),
            no_new_privileges: false,
            apparmor_profile: spec.apparmor.clone().filter(|_| !spec.privileged),
        },
        hostname: spec.hostname().to_owned(),
        mounts: mounts::list(spec),
        linux: Linux {
            uid_mappings: mappings.clone(),
            gid_mappings: mappings,
            sysctl: host
                .sysctls
                .iter()
                .chain(&spec.sysctls)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            resources: resources::of(spec, host),
            cgroups_path: spec.cgroup.name.clone(),
            namespaces: namespaces::list(spec),
            devices: devices::nodes(spec, host),
            seccomp: seccomp::filter(spec),
            rootfs_propagation: Some("private".to_owned()),
            masked_paths: masked::paths(spec),
            readonly_paths: Vec::new(),
        },
    }
}

/// Whether the container asks for the host's own view of cgroups.
fn binds_cgroups(spec: &ContainerSpec) -> bool {
    spec.binds
        .iter()
        .any(|bind| is_same_path(&bind.destination, Path::new(CGROUPS)))
}

/// Whether two absolute paths are the same but for `.` and doubled slashes.
fn is_same_path(one: &Path, other: &Path) -> bool {
    let plain = |path: &Path| -> Vec<std::ffi::OsString> {
        path.components()
            .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
            .map(|part| part.as_os_str().to_owned())
            .collect()
    };
    plain(one) == plain(other)
}
