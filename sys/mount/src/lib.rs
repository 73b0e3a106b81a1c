//! What is mounted where, and mounts that are attached nowhere.
//!
//! - [`MountTable`]: `/proc/PID/mountinfo`, parsed, with the question that matters when nested:
//!   which mount does a path really lead to ([`MountTable::covering`])?
//! - [`detached()`]: a file system instance without a mount point. Nothing shows up in any mount
//!   table and nothing can be left behind: the mount lives as long as its descriptor.
//! - [`detached_cgroup2`]: the same for cgroup v2, without disturbing the machine's own mount.
//! - [`loop_device`]: a file as a block device.
//! - [`project_quota`]: limits on what a directory tree takes.
//! - [`kernfs`]: a directory of a cgroup (or sysfs) tree by its 64-bit id, without its path.

mod attributes;
mod detached;
pub mod kernfs;
pub mod loop_device;
pub mod project_quota;
mod scratch;
mod table;

pub use attributes::{Depth, clear_attributes, set_attributes};
pub use detached::{
    DetachedCgroup2, DetachedError, Origin, Step, clone_of, detached, detached_cgroup2,
    detached_own_cgroup2,
};
pub use table::{
    Device, Mount, MountOptions, MountTable, ParseError, ParseErrorKind, Propagation, ReadError,
};

/// `f_type` of a cgroup v2 file system (`CGROUP2_SUPER_MAGIC`, linux/magic.h).
pub const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;
/// `f_type` of a cgroup v1 hierarchy (`CGROUP_SUPER_MAGIC`, linux/magic.h).
pub const CGROUP_SUPER_MAGIC: u64 = 0x0027_e0eb;
/// Inode of `/proc/PID/ns/cgroup` for the cgroup namespace the kernel booted with
/// (`PROC_CGROUP_INIT_INO`, linux/proc_ns.h).
pub const INITIAL_CGROUP_NAMESPACE_INODE: u64 = 0xEFFF_FFFB;
