//! What the kernel means by an errno.
//!
//! cgroup files answer with a handful of errnos that mean different things for different writes
//! (`Documentation/admin-guide/cgroup-v2.rst`). [`Meaning::of`] is that table.

use std::fmt;

use rustix::io::Errno;

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
            (Errno::BUSY, Step::Enable(_) | Step::Move(_)) => Self::NoInternalProcesses,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_errno_means_different_things() {
        let of = |step: Step, errno| Meaning::of(&step, errno);
        let enable = || Step::Enable("cpu".into());
        assert_eq!(of(enable(), Errno::BUSY), Meaning::NoInternalProcesses);
        assert_eq!(of(Step::Move(1), Errno::BUSY), Meaning::NoInternalProcesses);
        assert_eq!(of(Step::Remove, Errno::BUSY), Meaning::InUse);
        assert_eq!(
            of(Step::SetLimit("1".into()), Errno::BUSY),
            Meaning::UsageAbove
        );
        assert_eq!(of(enable(), Errno::NOENT), Meaning::NotDelegated);
        assert_eq!(of(Step::Move(1), Errno::NOENT), Meaning::Unreachable);
        assert_eq!(of(Step::Read, Errno::NOENT), Meaning::Absent);
        assert_eq!(of(Step::Move(1), Errno::ACCESS), Meaning::Containment);
        assert_eq!(of(Step::Write, Errno::NODEV), Meaning::Deleted);
        assert_eq!(of(enable(), Errno::OPNOTSUPP), Meaning::InvalidDomain);
    }
}
