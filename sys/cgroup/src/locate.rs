//! From a process to the directory of its cgroup v2 group.
//!
//! ```text
//! /proc/PID/cgroup "0::" ──► relative to each visible cgroup2 mount's root ──► open ──► proof
//!            │                      │ none fits, or proof fails
//!            │                      ▼
//!            └──────────────► below a detached mount of our namespace root ──► open ──► proof
//! ```
//!
//! A path alone proves nothing when nested: mounts may predate the namespace, show another part of
//! the tree, or be stacked. A directory is accepted because it lists the process, or because its
//! inode is the id the kernel reports for the process.

use std::path::{Path, PathBuf};

use rustix::process::Pid;
use warren_sys_mount::{DetachedError, Origin, ReadError, detached_cgroup2};

use crate::error::Error;
use crate::group::Cgroup;
use crate::id::CgroupId;
use crate::layout::{HierarchyMount, Layout, V1Hierarchy};
use crate::path::{JoinError, NsPath};
use crate::proc_file::{ProcFileError, ProcessCgroups};
use crate::v1::V1Group;

/// A group found for a process.
#[derive(Debug)]
pub struct Located {
    /// The group.
    pub group: Cgroup,
    /// Its path in our cgroup namespace.
    pub path: NsPath,
    /// By which mount it was reached.
    pub through: Through,
    /// Why it is the right one.
    pub proof: Proof,
}

/// The mount by which a group was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// A mount in the mount table, at this mount point.
    Mount(PathBuf),
    /// A mount of our own that is attached nowhere.
    Detached(Origin),
}

/// Why a directory is the group of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its `cgroup.procs` lists the process.
    ListsProcess,
    /// Its inode is the id that the caller knew already.
    IdMatches,
    /// The caller named the directory itself; no process was involved.
    Named,
}

/// Why the group of a process was not found.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// `/proc/PID/cgroup`.
    #[error("the process's groups are unknown")]
    ProcFile(#[from] ProcFileError),
    /// The mount table.
    #[error("the mounts are unknown")]
    Mounts(#[from] ReadError),
    /// There is no `0::` line: no cgroup v2 on this kernel.
    #[error("/proc/{0}/cgroup has no line for cgroup v2")]
    NotInV2(String),
    /// There is no line for a v1 hierarchy that is mounted.
    #[error("/proc/{process}/cgroup has no line for {controller}")]
    NotInV1 {
        /// Whose file.
        process: String,
        /// First controller of the hierarchy.
        controller: String,
    },
    /// No cgroup2 mount can be seen. (Never the reason when a detached mount was tried.)
    #[error("no cgroup2 mount is visible")]
    NoMount,
    /// The path cannot be named below the mount at this mount point.
    #[error("the mount at {} does not show the group", mount_point.display())]
    Join {
        /// Where the mount is.
        mount_point: PathBuf,
        /// Why.
        source: JoinError,
    },
    /// The group is outside our namespace, and so is its name.
    #[error("group {0} is outside our cgroup namespace")]
    Outside(NsPath),
    /// The directory could not be opened or read.
    #[error("the group's directory is of no use")]
    Group(#[from] Error),
    /// No detached mount.
    #[error("no detached cgroup2 mount could be made")]
    Detached(#[from] DetachedError),
    /// The directory exists and is not the process's group.
    #[error("{} does not hold process {pid}: it shows another part of the tree, or the process moved", path.display())]
    NotThere {
        /// The directory.
        path: PathBuf,
        /// The process.
        pid: i32,
    },
}

/// Whose group to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// The calling process.
    Myself,
    /// Another one, by its id in our pid namespace.
    Pid(Pid),
}

impl Process {
    /// Its directory name in `/proc`.
    #[must_use]
    pub fn proc_name(self) -> String {
        match self {
            Self::Myself => "self".to_owned(),
            Self::Pid(pid) => pid.as_raw_nonzero().to_string(),
        }
    }

    fn pid(self) -> Pid {
        match self {
            Self::Myself => rustix::process::getpid(),
            Self::Pid(pid) => pid,
        }
    }
}

/// Finds the v2 group of a process: through a visible mount if one leads there, else through a
/// detached one. `known` is an id already established for the process by other means.
///
/// # Errors
/// The failure of the last resort, the detached mount.
pub fn locate(process: Process, known: Option<CgroupId>) -> Result<Located, LocateError> {
    locate_visible(process, known).or_else(|_| locate_detached(process, known))
}

/// Finds the v2 group of a process through the visible mounts only.
///
/// # Errors
/// No mount is visible, or the failure at the most useful one.
pub fn locate_visible(process: Process, known: Option<CgroupId>) -> Result<Located, LocateError> {
    through_mounts(&Layout::discover()?.v2, process, known)
}

/// Finds the v2 group of a process such that groups can be made and written in it: through a
/// visible writable mount, else a detached one, else (nothing can be written then) a read-only one.
///
/// # Errors
/// The failure of the detached mount.
pub fn locate_writable(process: Process, known: Option<CgroupId>) -> Result<Located, LocateError> {
    let mut layout = Layout::discover()?;
    layout.v2.retain(|m| !m.read_only);
    through_mounts(&layout.v2, process, known)
        .or_else(|_| locate_detached(process, known))
        .or_else(|e| locate_visible(process, known).map_err(|_| e))
}

fn through_mounts(
    mounts: &[HierarchyMount],
    process: Process,
    known: Option<CgroupId>,
) -> Result<Located, LocateError> {
    let mut first_failure = None;
    // A process may move between the two reads; the next round sees where to.
    for _ in 0..3 {
        let path = path_of(process)?;
        for mount in mounts {
            let mount_point = mount.mount_point.clone();
            let found = path
                .relative_to(&mount.root)
                .map_err(|source| LocateError::Join {
                    mount_point: mount_point.clone(),
                    source,
                })
                .and_then(|relative| Ok(Cgroup::open(&mount_point.join(relative))?))
                .and_then(|group| prove(group, process, known));
            match found {
                Ok((group, proof)) => {
                    let through = Through::Mount(mount_point);
                    return Ok(Located {
                        group,
                        path,
                        through,
                        proof,
                    });
                }
                Err(e) => first_failure = first_failure.or(Some(e)),
            }
        }
        if !matches!(first_failure, Some(LocateError::NotThere { .. })) {
            break;
        }
    }
    Err(first_failure.unwrap_or(LocateError::NoMount))
}

/// Finds the v2 group of a process without any visible mount.
///
/// # Errors
/// No detached mount can be made (`CAP_SYS_ADMIN`), or the group is outside our namespace.
pub fn locate_detached(process: Process, known: Option<CgroupId>) -> Result<Located, LocateError> {
    let mount = detached_cgroup2()?;
    let called = Path::new("(cgroup2)");
    let mut tries = 0;
    loop {
        let path = path_of(process)?;
        let relative = path
            .inside()
            .ok_or_else(|| LocateError::Outside(path.clone()))?;
        let group = Cgroup::open_at(&mount.root, called, &relative)?;
        tries += 1;
        match prove(group, process, known) {
            Ok((group, proof)) => {
                let through = Through::Detached(mount.origin);
                return Ok(Located {
                    group,
                    path,
                    through,
                    proof,
                });
            }
            Err(e @ LocateError::NotThere { .. }) if tries >= 3 => return Err(e),
            Err(LocateError::NotThere { .. }) => {}
            Err(e) => return Err(e),
        }
    }
}

/// Opens the group that a path names, as `/proc/PID/cgroup` shows it from here: through a
/// visible mount if one shows it, else through a detached one.
///
/// # Errors
/// The failure of the last resort, the detached mount.
pub fn locate_path(path: &NsPath) -> Result<Located, LocateError> {
    let found = |group, through| Located {
        group,
        path: path.clone(),
        through,
        proof: Proof::Named,
    };
    for mount in &Layout::discover()?.v2 {
        let Ok(relative) = path.relative_to(&mount.root) else {
            continue;
        };
        if let Ok(group) = Cgroup::open(&mount.mount_point.join(relative)) {
            return Ok(found(group, Through::Mount(mount.mount_point.clone())));
        }
    }
    let mount = detached_cgroup2()?;
    let relative = path
        .inside()
        .ok_or_else(|| LocateError::Outside(path.clone()))?;
    let group = Cgroup::open_at(&mount.root, Path::new("(cgroup2)"), &relative)?;
    Ok(found(group, Through::Detached(mount.origin)))
}

/// The group of a process in a visible v1 hierarchy, proved by its list of processes.
///
/// # Errors
/// The mount does not show it, or the process has moved.
pub fn locate_v1(process: Process, hierarchy: &V1Hierarchy) -> Result<V1Group, LocateError> {
    let file = Path::new("/proc").join(process.proc_name()).join("cgroup");
    let groups = ProcessCgroups::read(file)?;
    let controller = hierarchy.controllers.first().map_or("", String::as_str);
    let membership = groups.v1(controller).ok_or_else(|| LocateError::NotInV1 {
        process: process.proc_name(),
        controller: controller.to_owned(),
    })?;
    let mount_point = &hierarchy.mount.mount_point;
    let relative = membership
        .path
        .relative_to(&hierarchy.mount.root)
        .map_err(|source| LocateError::Join {
            mount_point: mount_point.clone(),
            source,
        })?;
    let group = V1Group::open(&mount_point.join(relative), &hierarchy.controllers)?;
    let pid = process.pid().as_raw_nonzero().get();
    if group.procs()?.contains(&pid) {
        Ok(group)
    } else {
        Err(LocateError::NotThere {
            path: group.path().to_owned(),
            pid,
        })
    }
}

fn path_of(process: Process) -> Result<NsPath, LocateError> {
    let groups = ProcessCgroups::read(Path::new("/proc").join(process.proc_name()).join("cgroup"))?;
    let v2 = groups
        .v2()
        .ok_or_else(|| LocateError::NotInV2(process.proc_name()))?;
    Ok(v2.path.clone())
}

fn prove(
    group: Cgroup,
    process: Process,
    known: Option<CgroupId>,
) -> Result<(Cgroup, Proof), LocateError> {
    if known.is_some_and(|id| id == group.id()) {
        return Ok((group, Proof::IdMatches));
    }
    let pid = process.pid().as_raw_nonzero().get();
    if known.is_none() && group.procs()?.contains(&pid) {
        return Ok((group, Proof::ListsProcess));
    }
    Err(LocateError::NotThere {
        path: group.path().to_owned(),
        pid,
    })
}
