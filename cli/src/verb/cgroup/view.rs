//! What `warren cgroup show` tells, as JSON has it.

use serde::Serialize;

/// Everything.
#[derive(Debug, Default, Serialize)]
pub struct View {
    /// The process told about; `None` is the caller.
    pub pid: Option<i32>,
    /// `unified`, `hybrid`, `legacy` or `unmounted`.
    pub layout: Option<&'static str>,
    /// Whether the kernel has cgroup v2, mounted or not.
    pub kernel_has_v2: Option<bool>,
    /// Mounts in sight.
    pub mounts: Vec<Mount>,
    /// cgroup mounts that no path leads to.
    pub buried: Vec<String>,
    /// The process's groups.
    pub memberships: Vec<Membership>,
    /// The cgroup v2 id.
    pub identity: Option<Identity>,
    /// The process's cgroup namespace.
    pub namespace: Option<Namespace>,
    /// The level at which `socket cgroupv2` sees the group.
    pub level: Option<Level>,
    /// Controllers of cgroup v2.
    pub v2: Option<Controllers>,
    /// Limits in force on the group itself.
    pub limits: Vec<Limit>,
    /// Pressure stall information.
    pub pressure: Vec<Pressure>,
    /// What could not be learnt, and why.
    pub unknown: Vec<String>,
}

/// One mount of a hierarchy.
#[derive(Debug, Serialize)]
pub struct Mount {
    /// `v2`, or the v1 controllers.
    pub hierarchy: String,
    pub mount_point: String,
    /// Which group is visible there, seen from our namespace.
    pub root: String,
    pub read_only: bool,
    /// `namespace`, `subtree` or `outside`.
    pub shows: &'static str,
    /// Mounts hidden below it.
    pub covers: usize,
    pub options: Vec<String>,
}

/// The process's group in one hierarchy.
#[derive(Debug, Serialize)]
pub struct Membership {
    /// The kernel's number for the hierarchy; 0 is v2.
    pub number: u32,
    /// `v2`, or the v1 controllers.
    pub hierarchy: String,
    pub path: String,
    /// The group has been deleted.
    pub deleted: bool,
}

/// The cgroup v2 id and what it rests on.
#[derive(Debug, Serialize)]
pub struct Identity {
    pub id: u64,
    /// `agreed`, `single` or `conflict`.
    pub agreement: &'static str,
    pub ways: Vec<Way>,
}

/// One way to the id.
#[derive(Debug, Serialize)]
pub struct Way {
    pub way: String,
    pub id: Option<u64>,
    pub failure: Option<String>,
}

/// A cgroup namespace.
#[derive(Debug, Serialize)]
pub struct Namespace {
    pub inode: u64,
    /// The one the kernel booted with.
    pub initial: bool,
    /// Whether the process's group is the namespace's root.
    pub at_root: Option<bool>,
    /// Whether it is the caller's namespace too.
    pub is_ours: Option<bool>,
    /// Id of the root of our namespace.
    pub root_id: Option<u64>,
    /// Whether that is the root of the whole tree.
    pub root_is_real: Option<bool>,
}

/// The measured level.
#[derive(Debug, Serialize)]
pub struct Level {
    pub level: Option<u32>,
    pub failure: Option<String>,
}

/// cgroup v2 controllers of the process's group.
#[derive(Debug, Serialize)]
pub struct Controllers {
    /// The group's directory, as reached.
    pub directory: String,
    /// `root`, `domain`, `domain-threaded`, `domain-invalid` or `threaded`.
    pub kind: Option<&'static str>,
    /// Processes in the group itself.
    pub processes: Option<usize>,
    /// Handed down to the group.
    pub present: Vec<String>,
    /// Handed down to its children.
    pub enabled_below: Vec<String>,
    /// Whether more can be enabled below: `yes`, or what is in the way.
    pub delegation: String,
}

/// One limit.
#[derive(Debug, Serialize)]
pub struct Limit {
    /// `v2` or `v1`.
    pub version: &'static str,
    pub name: String,
    /// As the file has it.
    pub limit: String,
    /// What is in use.
    pub current: Option<String>,
}

/// Stalls over one resource, in percent of the last ten seconds and minute.
#[derive(Debug, Serialize)]
pub struct Pressure {
    pub resource: &'static str,
    pub some_avg10: f64,
    pub some_avg60: f64,
    pub full_avg10: Option<f64>,
    pub full_avg60: Option<f64>,
}

impl View {
    /// Whether anything about the process is known.
    pub fn is_anything_known(&self) -> bool {
        !self.memberships.is_empty() || self.identity.is_some()
    }
}
