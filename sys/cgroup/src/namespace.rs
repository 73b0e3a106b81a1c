//! Which cgroup namespace we are in.

use std::path::Path;

use rustix::io::Errno;
use warren_sys_mount::{DetachedError, INITIAL_CGROUP_NAMESPACE_INODE, detached_cgroup2};

use crate::error::Error;
use crate::group::Cgroup;
use crate::id::CgroupId;
use crate::proc_file::{ProcFileError, ProcessCgroups};

/// A cgroup namespace as seen from a process in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    /// Inode of `/proc/PID/ns/cgroup`; two processes share a namespace if it is equal.
    pub inode: u64,
    /// Whether it is the one the kernel booted with. Inside a virtual machine that is normal; in a
    /// container it means that paths are the host's.
    pub initial: bool,
    /// Whether the process's v2 group is the namespace's root (`0::/`). `None` without a v2 line.
    pub at_root: Option<bool>,
}

/// The root of our cgroup namespace in the v2 tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamespaceRoot {
    /// Its id.
    pub id: CgroupId,
    /// Whether it is the root of the whole tree: only that one may have processes and enabled
    /// controllers at the same time.
    pub is_real_root: bool,
}

/// Why a namespace could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// `/proc/PID/ns/cgroup` cannot be read: no `/proc`, or the kernel has no cgroup namespaces.
    #[error("cannot look at the cgroup namespace link")]
    Link(#[source] Errno),
    /// `/proc/PID/cgroup`.
    #[error("the process's groups are unknown")]
    ProcFile(#[from] ProcFileError),
    /// No mount to look at the root.
    #[error("no detached cgroup2 mount could be made")]
    Detached(#[from] DetachedError),
    /// The root directory.
    #[error("the namespace's root group is of no use")]
    Group(#[from] Error),
}

impl Namespace {
    /// The namespace of `process` (`"self"` or a pid) below `proc_root`.
    ///
    /// # Errors
    /// The process is gone, or `/proc` is not there.
    pub fn of(proc_root: &Path, process: &str) -> Result<Self, NamespaceError> {
        let directory = proc_root.join(process);
        let link = rustix::fs::stat(directory.join("ns/cgroup")).map_err(NamespaceError::Link)?;
        let groups = ProcessCgroups::read(directory.join("cgroup"))?;
        Ok(Self {
            inode: link.st_ino,
            initial: link.st_ino == INITIAL_CGROUP_NAMESPACE_INODE,
            at_root: groups.v2().map(|m| m.path.is_root()),
        })
    }

    /// Our own namespace.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub fn own() -> Result<Self, NamespaceError> {
        Self::of(Path::new("/proc"), "self")
    }
}

impl NamespaceRoot {
    /// The root of our own namespace, seen through a detached mount.
    ///
    /// # Errors
    /// No such mount can be made.
    pub fn own() -> Result<Self, NamespaceError> {
        let group = Cgroup::from_fd(detached_cgroup2()?.root, "(cgroup2)".into())?;
        Ok(Self {
            id: group.id(),
            is_real_root: group.is_real_root()?,
        })
    }
}
