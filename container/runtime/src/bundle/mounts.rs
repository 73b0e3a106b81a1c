//! What is mounted, and in which order: kernel file systems, the init program, the caller's binds,
//! then the files that name and address the container.
//!
//! Options are those of runc's default where Garden says nothing. A bind keeps the flags of its
//! source (`nodev`, `noexec`, ...), and says nothing about propagation, unless it is to be private: a
//! bind of a shared mount in a privileged container stays its peer, so that what the host mounts below
//! it later appears. A bind
//! shows one file system; only the host's groups come with all that is mounted below them, which on
//! a hybrid host is every single hierarchy.

use std::path::Path;

use super::{CGROUPS, binds_cgroups, is_same_path};
use crate::oci::Mount;
use crate::spec::{Bind, ContainerSpec, INIT_PATH};

/// The mounts.
#[must_use]
pub fn list(spec: &ContainerSpec) -> Vec<Mount> {
    let mut mounts = vec![
        kernel("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        kernel(
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        kernel("/dev/shm", "tmpfs", &["nodev", "mode=1777"]),
        kernel("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        kernel(
            "/dev/pts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "gid=5",
                "mode=0620",
                "ptmxmode=0666",
            ],
        ),
        kernel("/proc", "proc", &["nosuid", "noexec", "nodev"]),
    ];
    if !binds_cgroups(spec) {
        mounts.push(cgroups(spec.privileged));
    }
    mounts.push(bind(&spec.init, Path::new(INIT_PATH), false));
    for each in &spec.binds {
        mounts.push(wanted(each));
    }
    let files = [
        (&spec.hosts, "/etc/hosts"),
        (&spec.resolv_conf, "/etc/resolv.conf"),
        (&spec.hostname_file, "/etc/hostname"),
    ];
    for (source, destination) in files {
        if let Some(source) = source {
            mounts.push(bind(source, Path::new(destination), true));
        }
    }
    mounts
}

/// The groups that are seen, writable or not.
pub(super) fn cgroups(writable: bool) -> Mount {
    let access = if writable { "rw" } else { "ro" };
    let options = ["nosuid", "noexec", "nodev", access];
    kernel(CGROUPS, "cgroup", &options)
}

fn kernel(destination: &str, kind: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.into(),
        kind: Some(kind.to_owned()),
        source: Some(kind.into()),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    }
}

/// A bind that the caller asks for.
pub(super) fn wanted(wanted: &Bind) -> Mount {
    let mut mount = bind(&wanted.source, &wanted.destination, wanted.writable);
    if wanted.private {
        mount.options.push("private".to_owned());
    }
    mount
}

fn bind(source: &Path, destination: &Path, writable: bool) -> Mount {
    let access = if writable { "rw" } else { "ro" };
    let depth = match is_same_path(destination, Path::new(CGROUPS)) {
        true => "rbind",
        false => "bind",
    };
    Mount {
        destination: destination.to_owned(),
        kind: Some("bind".to_owned()),
        source: Some(source.to_owned()),
        options: vec![depth.to_owned(), access.to_owned()],
    }
}
