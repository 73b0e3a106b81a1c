//! What went wrong with a cgroup, and what the kernel means by it.
//!
//! cgroup files answer with a handful of errnos that mean different things for different writes
//! (`Documentation/admin-guide/cgroup-v2.rst`). [`Meaning`] is that table.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

/// A failed operation on a group.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a step.
    #[error("cannot {step} {}: {meaning}", path.display())]
    Kernel {
        /// What was being done.
        step: Step,
        /// The file or directory it was done to.
        path: PathBuf,
        /// What the errno stands for at this step.
        meaning: Meaning,
        /// The kernel's answer.
        source: Errno,
    },
    /// A file has content that is not of its documented shape.
    #[error("{} holds {found:?} where {expected} is expected", path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// The name of a child group is not a single plain path component.
    #[error("{0:?} cannot be the name of a cgroup")]
    InvalidName(String),
    /// The directory is not of the file system it should be.
    #[error("{} is not a {expected} directory (file system type {found:#x})", path.display())]
    WrongFileSystem {
        /// The directory.
        path: PathBuf,
        /// `cgroup2` or `cgroup`.
        expected: &'static str,
        /// Its `f_type`.
        found: u64,
    },
    /// The group kept processes although it should be empty.
    #[error("{} still has processes after {waited:?}: {}", path.display(), Pids(pids))]
    StillPopulated {
        /// The group.
        path: PathBuf,
        /// Who is in it or below; 0 is a process of another pid namespace.
        pids: Vec<i32>,
        /// How long was waited.
        waited: Duration,
    },
    /// A state was not reached in time.
    #[error("{} is not {state} after {waited:?}", path.display())]
    Timeout {
        /// The group.
        path: PathBuf,
        /// The state waited for.
        state: &'static str,
        /// How long was waited.
        waited: Duration,
    },
    /// A controller cannot be used in this group.
    #[error("controller {controller} is not available in {}: {reason}", path.display())]
    NoController {
        /// The controller.
        controller: String,
        /// The group.
        path: PathBuf,
        /// Who does not hand it down.
        reason: Undelegated,
    },
}

/// Where a controller gets lost on the way down the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelegated {
    /// This ancestor has it and does not enable it for its children.
    NotEnabledIn(PathBuf),
    /// Already the topmost visible group lacks it: not handed in from outside, bound to a v1
    /// hierarchy, disabled at boot, or not in the kernel.
    NotInRoot {
        /// The topmost group that can be seen.
        root: PathBuf,
        /// The v1 hierarchy it is bound to, if `/proc/cgroups` says so.
        v1_hierarchy: Option<u32>,
    },
    /// No hierarchy of ours carries it.
    NoHierarchy,
    /// The controller is there, and the kernel has no such file.
    NoSuchFile(String),
}

impl fmt::Display for Undelegated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnabledIn(parent) => write!(
                f,
                "{} has it but does not enable it in cgroup.subtree_control",
                parent.display()
            ),
            Self::NotInRoot {
                root,
                v1_hierarchy: Some(n),
            } => {
                write!(
                    f,
                    "not even {} has it; it is bound to v1 hierarchy {n}",
                    root.display()
                )
            }
            Self::NotInRoot {
                root,
                v1_hierarchy: None,
            } => write!(
                f,
                "not even {} has it; whoever made this container or booted this kernel left it out",
                root.display()
            ),
            Self::NoHierarchy => f.write_str("no mounted hierarchy carries it"),
            Self::NoSuchFile(file) => write!(f, "this kernel has no {file}"),
        }
    }
}

/// What was being done to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Opening a group's directory.
    Open,
    /// `mkdir` of a group.
    Create,
    /// Reading a file or attribute.
    Read,
    /// Writing a file that has no step of its own.
    Write,
    /// Listing children.
    List,
    /// Writing this process id to `cgroup.procs`.
    Move(i32),
    /// Enabling this controller in `cgroup.subtree_control`.
    Enable(String),
    /// Disabling this controller.
    Disable(String),
    /// `cgroup.freeze`, or the v1 freezer.
    Freeze,
    /// `cgroup.kill`, or signals.
    Kill,
    /// `rmdir`.
    Remove,
    /// Changing the owner.
    Delegate,
    /// Writing this value as a limit.
    SetLimit(String),
    /// Setting up or reading a watch.
    Watch,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Create => f.write_str("create"),
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
            Self::List => f.write_str("list"),
            Self::Move(pid) => write!(f, "move process {pid} by"),
            Self::Enable(controller) => write!(f, "enable {controller} in"),
            Self::Disable(controller) => write!(f, "disable {controller} in"),
            Self::Freeze => f.write_str("freeze or thaw"),
            Self::Kill => f.write_str("kill"),
            Self::Remove => f.write_str("remove"),
            Self::Delegate => f.write_str("change the owner of"),
            Self::SetLimit(value) => write!(f, "write {value:?} to"),
            Self::Watch => f.write_str("watch"),
        }
    }
}

/// What an errno stands for at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Meaning {
    /// `EBUSY` moving a process in, or enabling a controller.
    #[error(
        "a group other than the root may not have both processes of its own and domain controllers enabled for its children; a cgroup namespace root is no exception"
    )]
    NoInternalProcesses,
    /// `EBUSY` from `rmdir`.
    #[error("the group still has processes or child groups")]
    InUse,
    /// `EBUSY` from a limit: current usage cannot be brought below it, or children need more.
    #[error("current usage, or a child's setting, does not allow this value")]
    UsageAbove,
    /// `EBUSY` disabling a controller that children still use.
    #[error("child groups still enable the controller")]
    ChildrenUseIt,
    /// `ENOENT` enabling a controller.
    #[error(
        "the controller is not in this group's cgroup.controllers: the parent did not delegate it, or it is bound to a v1 hierarchy"
    )]
    NotDelegated,
    /// `ENOENT` moving a process.
    #[error("the group is out of reach of this cgroup namespace")]
    Unreachable,
    /// `ENOENT` of a group or file.
    #[error("it does not exist")]
    Absent,
    /// `ENODEV`, or the directory of an open group has lost its files.
    #[error("the group has been deleted")]
    Deleted,
    /// `EOPNOTSUPP`.
    #[error("the group is of type threaded or domain invalid, which does not allow it")]
    InvalidDomain,
    /// `EACCES` moving a process.
    #[error(
        "delegation containment: no write access to cgroup.procs of the common ancestor of source and destination"
    )]
    Containment,
    /// `EPERM` writing at a namespace root under `nsdelegate`, or without the capability.
    #[error(
        "not permitted: missing privilege, or the group is the root of a cgroup namespace and belongs to the outside (nsdelegate)"
    )]
    NotPermitted,
    /// `EACCES` elsewhere.
    #[error("no access: missing privilege, or not delegated to this user")]
    NoAccess,
    /// `EROFS`.
    #[error("the cgroup mount is read-only")]
    ReadOnly,
    /// `ESRCH`.
    #[error("the process is gone")]
    ProcessGone,
    /// `EINVAL` and `ERANGE` from a value.
    #[error("the kernel does not accept the value here")]
    InvalidValue,
    /// `EINVAL` moving a process.
    #[error(
        "this process may not be moved (a kernel thread bound to its CPUs, or a group not ready for processes)"
    )]
    Immovable,
    /// `EEXIST`.
    #[error("it exists already")]
    Exists,
    /// `EAGAIN` from `mkdir`.
    #[error("cgroup.max.depth or cgroup.max.descendants of an ancestor is reached")]
    TooMany,
    /// `ENOSPC` moving a process into a v1 or unconfigured cpuset.
    #[error("the group's cpuset has no CPUs or memory nodes yet")]
    EmptyCpuset,
    /// Anything else; the source says what.
    #[error("the kernel refused")]
    Other,
}

impl Meaning {
    /// The meaning of `errno` at `step`.
    #[must_use]
    pub fn of(step: &Step, errno: Errno) -> Self {
        match (errno, step) {
            (Errno::BUSY, Step::Remove) => Self::InUse,
            (Errno::BUSY, Step::SetLimit(_)) => Self::UsageAbove,
            (Errno::BUSY, Step::Disable(_)) => Self::ChildrenUseIt,
            (Errno::BUSY, Step::Enable(_) | Step::Move(_) | Step::Write) => {
                Self::NoInternalProcesses
            }
            (Errno::NOENT, Step::Enable(_) | Step::Disable(_)) => Self::NotDelegated,
            (Errno::NOENT, Step::Move(_)) => Self::Unreachable,
            (Errno::NOENT, _) => Self::Absent,
            (Errno::NODEV, _) => Self::Deleted,
            (Errno::OPNOTSUPP, _) => Self::InvalidDomain,
            (Errno::ACCESS, Step::Move(_)) => Self::Containment,
            (Errno::ACCESS, _) => Self::NoAccess,
            (Errno::PERM, _) => Self::NotPermitted,
            (Errno::ROFS, _) => Self::ReadOnly,
            (Errno::SRCH, _) => Self::ProcessGone,
            (Errno::INVAL, Step::Move(_)) => Self::Immovable,
            (Errno::INVAL | Errno::RANGE, _) => Self::InvalidValue,
            (Errno::EXIST, _) => Self::Exists,
            (Errno::AGAIN, Step::Create) => Self::TooMany,
            (Errno::NOSPC, Step::Move(_)) => Self::EmptyCpuset,
            _ => Self::Other,
        }
    }
}

impl Error {
    /// A refused step, with the meaning looked up.
    pub(crate) fn kernel(step: Step, path: &Path, source: Errno) -> Self {
        let meaning = Meaning::of(&step, source);
        Self::Kernel {
            step,
            path: path.to_owned(),
            meaning,
            source,
        }
    }

    /// A refused step on something that has been found deleted.
    pub(crate) fn deleted(step: Step, path: &Path, source: Errno) -> Self {
        Self::Kernel {
            step,
            path: path.to_owned(),
            meaning: Meaning::Deleted,
            source,
        }
    }

    /// Unexpected content, shortened for display.
    pub(crate) fn unexpected(path: &Path, expected: &'static str, found: &str) -> Self {
        let found = found.chars().take(80).collect();
        Self::Unexpected {
            path: path.to_owned(),
            expected,
            found,
        }
    }

    /// The kernel's answer, where there was one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { source, .. } => Some(*source),
            _ => None,
        }
    }

    /// The meaning of the kernel's answer, where there was one.
    #[must_use]
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Kernel { meaning, .. } => Some(*meaning),
            _ => None,
        }
    }

    /// Whether the group (or file) asked for is not there, or no longer.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.meaning(), Some(Meaning::Absent | Meaning::Deleted))
    }
}

struct Pids<'a>(&'a [i32]);

impl fmt::Display for Pids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (i, pid) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            match pid {
                0 => write!(f, "{comma}(one of another pid namespace)")?,
                _ => write!(f, "{comma}{pid}")?,
            }
        }
        match self.0.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}
