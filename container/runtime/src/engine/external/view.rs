//! The control groups that a runtime gets to see on a machine with v1 hierarchies.
//!
//! Runtimes take one path for all hierarchies, counted from their roots; ours are where we are, which
//! may be another place in each. crun refuses a machine whose cgroup v2 has controllers beside v1,
//! and runc moves its process in v2 too, to where our device filter is not. So a runtime runs in a
//! mount namespace of its own, whose `/sys/fs/cgroup` has our groups as roots and no v2:
//!
//! ```text
//! /sys/fs/cgroup/          a new tmpfs
//!   memory/                the parent of the container's group in the hierarchy
//!   cpu,cpuacct/           another; links for names that the directory has not
//!   .machine/              what was there before, if the container has a bind of it
//! ```
//!
//! In v2 the runtime is in the container's group from its birth, and so is all that it starts. On a
//! machine with v2 alone nothing of this is needed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode};
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    mount_change, move_mount, open_tree, unmount,
};
use warren_sys_mount::{MountTable, detached};
use warren_sys_process::namespaces::{self, Kind};

use super::super::error::Failure;
use super::{CGROUPS, ExternalError};
use crate::groups::Place;

/// Where the machine's own groups are, in the view's root.
const MACHINE: &str = ".machine";

/// One v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// The directory's name, that of the machine's mount.
    pub name: String,
    /// Its controllers.
    pub controllers: Vec<String>,
    /// The group in which the container's is, on the machine.
    pub parent: PathBuf,
}

/// What a runtime sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View {
    pub hierarchies: Vec<Hierarchy>,
    /// Whether the machine's own groups are there too.
    pub machine: bool,
}

impl View {
    /// For a container in `parent`. `None` if there is nothing but cgroup v2.
    pub(super) fn of(
        parent: &Place,
        table: &MountTable,
        machine: bool,
    ) -> Result<Option<Self>, ExternalError> {
        if parent.v1.is_empty() {
            return Ok(None);
        }
        let mut hierarchies = Vec::new();
        for place in &parent.v1 {
            let elsewhere = || ExternalError::Elsewhere(place.path.clone());
            let mount = table.covering(&place.path).ok_or_else(elsewhere)?;
            let below = mount.mount_point.strip_prefix(CGROUPS);
            let name = below.ok().and_then(Path::to_str).ok_or_else(elsewhere)?;
            if name.is_empty() || name.contains('/') {
                return Err(elsewhere());
            }
            hierarchies.push(Hierarchy {
                name: name.to_owned(),
                controllers: place.controllers.clone(),
                parent: place.path.clone(),
            });
        }
        Ok(Some(Self {
            hierarchies,
            machine,
        }))
    }

    /// Where a path of the machine is in the view.
    pub(super) fn machine_path(path: &Path) -> Option<PathBuf> {
        let below = path.strip_prefix(CGROUPS).ok()?;
        let machine = Path::new(CGROUPS).join(MACHINE);
        // Joining nothing would add a slash.
        Some(if below.as_os_str().is_empty() {
            machine
        } else {
            machine.join(below)
        })
    }

    /// Makes it, in a mount namespace of the calling process's own.
    pub(super) fn enter(&self) -> Result<(), Failure> {
        cover(|| {
            let mut trees = Vec::new();
            for hierarchy in &self.hierarchies {
                trees.push((hierarchy, clone(&hierarchy.parent, OpenTreeFlags::empty())?));
            }
            let machine = match self.machine {
                true => Some(clone(Path::new(CGROUPS), OpenTreeFlags::AT_RECURSIVE)?),
                false => None,
            };
            Ok((trees, machine))
        })
        .and_then(|(trees, machine)| {
            for (hierarchy, tree) in trees {
                attach(&tree, &hierarchy.name)?;
                for controller in &hierarchy.controllers {
                    let name = controller.trim_start_matches("name=");
                    if name != hierarchy.name {
                        let at = Path::new(CGROUPS).join(name);
                        rustix::fs::symlinkat(&hierarchy.name, CWD, &at)
                            .map_err(|e| Failure::new("link", at.display(), e))?;
                    }
                }
            }
            machine.map_or(Ok(()), |tree| attach(&tree, MACHINE))
        })
    }
}

/// Covers the machine's groups by an empty directory, in a mount namespace of the calling process's
/// own; `keep` takes what is still needed of them.
pub(super) fn cover<T>(keep: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let failed = |step| move |e| Failure::new(step, CGROUPS, e);
    namespaces::unshare(&[Kind::Mount])
        .map_err(|e| Failure::because("make", "a mount namespace for the runtime", &e))?;
    let kept = keep()?;
    // Nothing that happens here may reach the machine. Other mounts stay what they are: the
    // container's binds are clones of them.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change(CGROUPS, private).map_err(failed("detach from the machine"))?;
    let table = MountTable::read(Path::new("/proc"), "self")
        .map_err(|e| Failure::because("read", "the mount table", &e))?;
    // What is only covered is still listed, and some runtimes go by the list.
    for mount in table.iter() {
        let below = mount.mount_point.strip_prefix(CGROUPS).ok();
        if below.is_some_and(|rest| rest.components().count() == 1) {
            unmount(&mount.mount_point, UnmountFlags::DETACH)
                .map_err(failed("unmount what is below"))?;
        }
    }
    let options = [("mode", Some("755")), ("source", Some("cgroup"))];
    let root = detached("tmpfs", &options, MountAttrFlags::empty())
        .map_err(|e| Failure::because("mount", CGROUPS, &e))?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&root, "", CWD, CGROUPS, flags).map_err(failed("mount"))?;
    Ok(kept)
}

fn clone(path: &Path, more: OpenTreeFlags) -> Result<std::os::fd::OwnedFd, Failure> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | more;
    open_tree(CWD, path, flags).map_err(|e| Failure::new("bind", path.display(), e))
}

fn attach(tree: &std::os::fd::OwnedFd, name: impl AsRef<OsStr>) -> Result<(), Failure> {
    let at = Path::new(CGROUPS).join(name.as_ref());
    let failed = |step| {
        let object = at.display().to_string();
        move |e| Failure::new(step, object, e)
    };
    rustix::fs::mkdirat(CWD, &at, Mode::from_raw_mode(0o755)).map_err(failed("make"))?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(tree, "", CWD, &at, flags).map_err(failed("mount"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::V1Place;

    const TABLE: &[u8] = b"20 1 8:1 / / rw - ext4 /dev/sda rw\n\
        21 20 0:20 / /sys rw - sysfs sysfs rw\n\
        22 21 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        23 22 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        24 22 0:23 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        25 20 0:24 / /cgroup/pids rw - cgroup cgroup rw,pids\n";

    fn place(controllers: &[&str], path: &str) -> V1Place {
        V1Place {
            controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
            path: path.into(),
        }
    }

    #[test]
    fn roots_are_our_own_groups_wherever_they_are() {
        let table = MountTable::parse(TABLE).unwrap();
        let parent = Place {
            v2: Some("/x".to_owned()),
            v1: vec![
                place(&["memory"], "/sys/fs/cgroup/memory/deep/in/it"),
                place(&["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct"),
            ],
        };
        let view = View::of(&parent, &table, false).unwrap().unwrap();
        let names: Vec<&str> = view.hierarchies.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(names, ["memory", "cpu,cpuacct"]);
        let deep = Path::new("/sys/fs/cgroup/memory/deep/in/it");
        assert_eq!(view.hierarchies[0].parent, deep);
        assert_eq!(View::of(&Place::default(), &table, true).unwrap(), None);
    }

    #[test]
    fn a_hierarchy_elsewhere_is_refused_by_name() {
        let table = MountTable::parse(TABLE).unwrap();
        let parent = Place {
            v2: None,
            v1: vec![place(&["pids"], "/cgroup/pids/a")],
        };
        let error = View::of(&parent, &table, false).unwrap_err();
        assert!(
            matches!(error, ExternalError::Elsewhere(path) if path == Path::new("/cgroup/pids/a"))
        );
    }

    #[test]
    fn the_machines_own_are_found() {
        let path = |text: &str| View::machine_path(Path::new(text));
        assert_eq!(
            path("/sys/fs/cgroup").unwrap(),
            Path::new("/sys/fs/cgroup/.machine")
        );
        let memory = path("/sys/fs/cgroup/memory").unwrap();
        assert_eq!(memory, Path::new("/sys/fs/cgroup/.machine/memory"));
        assert_eq!(path("/etc"), None);
    }
}
