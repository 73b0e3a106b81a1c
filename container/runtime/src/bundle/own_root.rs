//! The bundle of a process with a root directory of its own, made out of its container's.
//!
//! | | is |
//! |---|---|
//! | root, environment, binds | its own |
//! | kernel file systems, devices, masked paths | made anew, as the container's |
//! | `/etc/hosts`, `/etc/resolv.conf`, `/etc/hostname` | the container's files |
//! | limits | its own, if it has any |
//! | init program | not there |
//!
//! Its control groups are always its own, so it sees those, also where the container sees the
//! host's.

use std::path::Path;

use super::{mounts, resources};
use crate::oci::{Mount, Resources, Root, Spec};
use crate::spec::OwnRoot;

/// The files that name and address a container.
const FILES: [&str; 3] = ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname"];

/// The bundle; `process` in it but for the environment is init's.
#[must_use]
pub fn bundle(container: &Spec, own: &OwnRoot) -> Spec {
    let mut bundle = container.clone();
    bundle.root = Root {
        path: own.rootfs.clone(),
        readonly: false,
    };
    bundle.process.env.clone_from(&own.env);
    bundle.mounts = list(container, own);
    bundle.linux.cgroups_path.clone_from(&own.cgroup);
    let devices = container.linux.resources.devices.clone();
    bundle.linux.resources = match &own.limits {
        Some(limits) => resources::limited(limits, devices),
        None => Resources {
            devices,
            ..Resources::default()
        },
    };
    bundle
}

fn list(container: &Spec, own: &OwnRoot) -> Vec<Mount> {
    let is_bind = |mount: &&Mount| mount.kind.as_deref() == Some("bind");
    let all = container.mounts.iter();
    let mut list: Vec<Mount> = all.filter(|mount| !is_bind(mount)).cloned().collect();
    if !list
        .iter()
        .any(|mount| mount.kind.as_deref() == Some("cgroup"))
    {
        list.push(mounts::cgroups(!container.linux.has_namespace("user")));
    }
    list.extend(own.binds.iter().map(mounts::wanted));
    for file in FILES {
        // What a client has bound there comes before ours.
        let mut binds = container.mounts.iter().rev().filter(is_bind);
        list.extend(
            binds
                .find(|mount| mount.destination == Path::new(file))
                .cloned(),
        );
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Bind, Limits};

    fn own() -> OwnRoot {
        OwnRoot {
            rootfs: "/its/root".into(),
            env: vec!["A=1".to_owned()],
            binds: vec![Bind {
                source: "/its/data".into(),
                destination: "/data".into(),
                writable: true,
                private: false,
            }],
            limits: None,
            cgroup: "pea".to_owned(),
        }
    }

    fn mount(kind: &str, source: &str, destination: &str) -> Mount {
        Mount {
            destination: destination.into(),
            kind: Some(kind.to_owned()),
            source: Some(source.into()),
            options: Vec::new(),
        }
    }

    fn container() -> Spec {
        Spec {
            mounts: vec![
                mount("proc", "proc", "/proc"),
                mount("bind", "/init", "/tmp/garden-init"),
                mount("bind", "/client", "/etc/hosts"),
                mount("bind", "/client/data", "/container"),
                mount("bind", "/depot/hosts", "/etc/hosts"),
                mount("bind", "/depot/resolv.conf", "/etc/resolv.conf"),
            ],
            ..Spec::default()
        }
    }

    #[test]
    fn it_has_the_kernels_mounts_its_own_binds_and_the_containers_files() {
        let bundle = bundle(&container(), &own());
        let seen: Vec<_> = bundle
            .mounts
            .iter()
            .map(|mount| {
                (
                    mount.source.as_deref().unwrap(),
                    mount.destination.as_path(),
                )
            })
            .collect();
        let expected = [
            ("proc", "/proc"),
            ("cgroup", "/sys/fs/cgroup"),
            ("/its/data", "/data"),
            ("/depot/hosts", "/etc/hosts"),
            ("/depot/resolv.conf", "/etc/resolv.conf"),
        ];
        assert_eq!(seen, expected.map(|(a, b)| (Path::new(a), Path::new(b))));
        assert_eq!(bundle.root.path, Path::new("/its/root"));
        assert_eq!(bundle.process.env, ["A=1"]);
        assert_eq!(bundle.linux.cgroups_path, "pea");
    }

    #[test]
    fn limits_are_its_own_or_none() {
        let mut container = container();
        container.linux.resources = resources::limited(
            &Limits {
                memory: Some(1),
                ..Limits::default()
            },
            Vec::new(),
        );
        assert_eq!(bundle(&container, &own()).linux.resources.memory, None);
        let limited = OwnRoot {
            limits: Some(Limits {
                memory: Some(2),
                ..Limits::default()
            }),
            ..own()
        };
        let memory = bundle(&container, &limited).linux.resources.memory;
        assert_eq!(memory.unwrap().limit, Some(2));
    }
}
