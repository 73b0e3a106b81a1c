//! The 64-bit id of a cgroup.

use std::fmt;

/// Identifies a cgroup v2 group on this machine, whatever namespace one looks from: the kernfs node
/// id. It is the inode number of the group's directory in any cgroup2 mount, what nftables
/// `socket cgroupv2` and BPF compare, and what socket diagnostics report. A group that is deleted
/// and made again gets another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CgroupId(pub u64);

impl CgroupId {
    /// The root of the hierarchy (the real one, not a namespace's).
    pub const ROOT: Self = Self(warren_sys_mount::kernfs::ROOT_ID);
}

impl fmt::Display for CgroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
