//! Which namespaces are new.

use super::binds_cgroups;
use crate::oci::Namespace;
use crate::spec::ContainerSpec;

/// The new namespaces.
#[must_use]
pub fn list(spec: &ContainerSpec) -> Vec<Namespace> {
    let mut kinds = vec!["network", "pid", "uts", "ipc", "mount"];
    if !spec.privileged {
        kinds.push("user");
    }
    // The paths in /proc have to fit the tree that is seen.
    if !binds_cgroups(spec) {
        kinds.push("cgroup");
    }
    let namespace = |kind: &str| Namespace {
        kind: kind.to_owned(),
        path: None,
    };
    kinds.into_iter().map(namespace).collect()
}
