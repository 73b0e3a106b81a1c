//! Which cgroup hierarchies can be seen, and where.
//!
//! Taken from the mount table, not from what `/sys/fs/cgroup` is called or contains: nested
//! containers show every mixture. Only mounts that a path lookup really reaches count; of a stack,
//! the topmost. `statfs` confirms each ([`Layout::discover`]).
//!
//! ```text
//! cgroup2 │ cgroup (v1) │ mode
//!   yes   │     no      │ Unified
//!   yes   │     yes     │ Hybrid: v1 carries the controllers mounted there; v2 is what nftables,
//!         │             │         socket diagnostics and BPF look at
//!   no    │     yes     │ Legacy (the kernel may still have v2, see `kernel_v2`)
//!   no    │     no      │ Unmounted
//! ```

#[cfg(test)]
mod tests;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use warren_sys_mount::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, Mount, MountTable, ReadError};

use crate::path::NsPath;

/// The hierarchies in sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The mixture.
    pub mode: Mode,
    /// Reachable cgroup2 mounts, the most useful first: whole namespace before part, writable
    /// before read-only.
    pub v2: Vec<HierarchyMount>,
    /// Reachable v1 hierarchies, each once.
    pub v1: Vec<V1Hierarchy>,
    /// cgroup mounts in the table that no path leads to.
    pub buried: Vec<PathBuf>,
    /// Mounts whose `statfs` contradicts the table; they are not used.
    pub doubtful: Vec<Doubt>,
    /// Whether the kernel has cgroup v2 at all (`/proc/filesystems`); `None` if not known.
    pub kernel_v2: Option<bool>,
}

/// The mixture of hierarchies in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Only cgroup v2.
    Unified,
    /// Both.
    Hybrid,
    /// Only v1.
    Legacy,
    /// No cgroup mount.
    Unmounted,
}

/// One reachable mount of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HierarchyMount {
    /// Where.
    pub mount_point: PathBuf,
    /// Which group is visible there, relative to our cgroup namespace root.
    pub root: NsPath,
    /// Mounted read-only.
    pub read_only: bool,
    /// Other mounts hidden below it on the same mount point.
    pub covers: usize,
    /// File system options, e.g. `nsdelegate`.
    pub options: Vec<String>,
}

/// What part of a hierarchy a mount shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shows {
    /// All of our cgroup namespace, from its root.
    Namespace,
    /// A subtree of our namespace: a bind mount, or a mount made in a deeper namespace.
    Subtree,
    /// Groups above or beside our namespace root: a bind mount from a host, or a mount older than
    /// our namespace.
    Outside,
}

impl HierarchyMount {
    /// What part of the hierarchy it shows.
    #[must_use]
    pub fn shows(&self) -> Shows {
        match (self.root.is_root(), self.root.is_outside()) {
            (true, _) => Shows::Namespace,
            (_, true) => Shows::Outside,
            _ => Shows::Subtree,
        }
    }

    /// Whether the hierarchy was mounted with this option.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }

    fn new(table: &MountTable, mount: &Mount) -> Option<Self> {
        let options = mount
            .super_options
            .iter()
            .map(|o| o.to_string_lossy().into_owned());
        Some(Self {
            mount_point: mount.mount_point.clone(),
            root: NsPath::parse(mount.root.as_os_str().as_bytes())?,
            read_only: mount.is_read_only(),
            covers: table.stacked_below(mount),
            options: options.collect(),
        })
    }

    /// Smaller is more useful.
    fn rank(&self) -> (u8, bool) {
        let shows = match self.shows() {
            Shows::Namespace => 0,
            Shows::Subtree => 1,
            Shows::Outside => 2,
        };
        (shows, self.read_only)
    }
}

/// A v1 hierarchy in sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Hierarchy {
    /// Its controllers, sorted; `name=...` for a named hierarchy.
    pub controllers: Vec<String>,
    /// Its most useful mount.
    pub mount: HierarchyMount,
}

/// A mount that is not what the table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Where.
    pub mount_point: PathBuf,
    /// What `statfs` said: another type, or a failure.
    pub found: Result<u64, Errno>,
}

impl Layout {
    /// The layout that the calling thread sees, each mount confirmed by `statfs`.
    ///
    /// # Errors
    /// The mount table cannot be read.
    pub fn discover() -> Result<Self, ReadError> {
        Self::read(Path::new("/proc"), "thread-self").map(Self::confirmed)
    }

    /// The layout in the mount table of `process` below `proc_root`, not confirmed.
    ///
    /// # Errors
    /// The mount table cannot be read.
    pub fn read(proc_root: &Path, process: &str) -> Result<Self, ReadError> {
        let mut layout = Self::from_table(&MountTable::read(proc_root, process)?);
        let filesystems = std::fs::read(proc_root.join("filesystems")).ok();
        layout.kernel_v2 = filesystems
            .map(|text| {
                text.split(|b| *b == b'\n')
                    .any(|line| line.ends_with(b"\tcgroup2"))
            })
            .or(layout.kernel_v2);
        Ok(layout)
    }

    /// The layout in a mount table.
    #[must_use]
    pub fn from_table(table: &MountTable) -> Self {
        let mut v2 = Vec::new();
        let mut v1: Vec<V1Hierarchy> = Vec::new();
        let mut buried = Vec::new();
        for mount in table.iter() {
            let is_v2 = mount.is_type("cgroup2");
            if !is_v2 && !mount.is_type("cgroup") {
                continue;
            }
            let reachable = table
                .is_reachable(mount)
                .then(|| HierarchyMount::new(table, mount));
            match reachable.flatten() {
                None => buried.push(mount.mount_point.clone()),
                Some(found) if is_v2 => v2.push(found),
                Some(found) => add_v1(&mut v1, found),
            }
        }
        v2.sort_by_key(HierarchyMount::rank);
        let kernel_v2 = (!v2.is_empty()).then_some(true);
        let mut layout = Self {
            mode: Mode::Unmounted,
            v2,
            v1,
            buried,
            doubtful: Vec::new(),
            kernel_v2,
        };
        layout.set_mode();
        layout
    }

    /// Sets aside mounts whose `statfs` magic is not that of their type.
    #[must_use]
    pub fn confirmed(self) -> Self {
        self.confirmed_by(|path| {
            let stat = rustix::fs::statfs(path)?;
            Ok(u64::try_from(stat.f_type).unwrap_or(u64::MAX))
        })
    }

    fn confirmed_by(mut self, statfs: impl Fn(&Path) -> Result<u64, Errno>) -> Self {
        let mut doubtful = Vec::new();
        let mut is_real = |mount: &HierarchyMount, magic| match statfs(&mount.mount_point) {
            Ok(found) if found == magic => true,
            found => {
                doubtful.push(Doubt {
                    mount_point: mount.mount_point.clone(),
                    found,
                });
                false
            }
        };
        self.v2.retain(|m| is_real(m, CGROUP2_SUPER_MAGIC));
        self.v1.retain(|h| is_real(&h.mount, CGROUP_SUPER_MAGIC));
        self.doubtful.append(&mut doubtful);
        self.set_mode();
        self
    }

    fn set_mode(&mut self) {
        self.mode = match (self.v2.is_empty(), self.v1.is_empty()) {
            (false, true) => Mode::Unified,
            (false, false) => Mode::Hybrid,
            (true, false) => Mode::Legacy,
            (true, true) => Mode::Unmounted,
        };
    }

    /// The most useful cgroup2 mount.
    #[must_use]
    pub fn unified(&self) -> Option<&HierarchyMount> {
        self.v2.first()
    }

    /// The v1 hierarchy with this controller (or `name=...`).
    #[must_use]
    pub fn v1(&self, controller: &str) -> Option<&V1Hierarchy> {
        self.v1
            .iter()
            .find(|h| h.controllers.iter().any(|c| c == controller))
    }
}

/// Adds a v1 mount, keeping the more useful of two mounts of one hierarchy.
fn add_v1(v1: &mut Vec<V1Hierarchy>, mount: HierarchyMount) {
    let mut controllers: Vec<String> = mount
        .options
        .iter()
        .filter(|o| is_controller(o))
        .cloned()
        .collect();
    controllers.sort();
    match v1.iter_mut().find(|h| h.controllers == controllers) {
        Some(known) if mount.rank() < known.mount.rank() => known.mount = mount,
        Some(_) => {}
        None => v1.push(V1Hierarchy { controllers, mount }),
    }
}

/// Of the file system options of a v1 mount, those that name the hierarchy. New controllers are
/// more likely than new flags, so what is not a known flag counts (`cgroup1_show_options`,
/// kernel/cgroup/cgroup-v1.c).
fn is_controller(option: &str) -> bool {
    const FLAGS: &[&str] = &[
        "rw",
        "ro",
        "noprefix",
        "xattr",
        "cpuset_v2_mode",
        "favordynmods",
        "clone_children",
    ];
    option.starts_with("name=") || !(FLAGS.contains(&option) || option.contains('='))
}
