//! What is mounted, and in which order: kernel file systems, the init program, the caller's binds,
//! then the files that name and address the container.
//!
//! Options are those of runc's default where Garden says nothing. A bind keeps the flags of its
//! source (`nodev`, `noexec`, ...), and says nothing about propagation: a bind of a shared mount in
//! a privileged container stays its peer, so that what the host mounts below it later appears.

use std::path::Path;

use super::{CGROUPS, binds_cgroups};
use crate::oci::Mount;
use crate::spec::{ContainerSpec, INIT_PATH};

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
        let access = if spec.privileged { "rw" } else { "ro" };
        let options = ["nosuid", "noexec", "nodev", access];
        mounts.push(kernel(CGROUPS, "cgroup", &options));
    }
    mounts.push(bind(&spec.init, Path::new(INIT_PATH), false));
    for each in &spec.binds {
        mounts.push(bind(&each.source, &each.destination, each.writable));
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

fn kernel(destination: &str, kind: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.into(),
        kind: Some(kind.to_owned()),
        source: Some(kind.into()),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    }
}

fn bind(source: &Path, destination: &Path, writable: bool) -> Mount {
    let access = if writable { "rw" } else { "ro" };
    Mount {
        destination: destination.to_owned(),
        kind: Some("bind".to_owned()),
        source: Some(source.to_owned()),
        options: vec!["bind".to_owned(), access.to_owned()],
    }
}
