//! What went wrong with a cgroup.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

pub use crate::meaning::{Meaning, Step};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_object_and_reason_and_leave_the_source_to_the_chain() {
        let path = Path::new("/sys/fs/cgroup/a/cgroup.procs");
        let error = Error::kernel(Step::Move(42), path, Errno::SRCH);
        let text = error.to_string();
        assert_eq!(
            text,
            "cannot move process 42 by /sys/fs/cgroup/a/cgroup.procs: the process is gone"
        );
        assert!(std::error::Error::source(&error).is_some());
        let error = Error::NoController {
            controller: "memory".into(),
            path: "/a/b".into(),
            reason: Undelegated::NotInRoot {
                root: "/".into(),
                v1_hierarchy: Some(4),
            },
        };
        assert!(
            error
                .to_string()
                .ends_with("not even / has it; it is bound to v1 hierarchy 4")
        );
    }

    #[test]
    fn long_lists_of_processes_are_cut() {
        let pids: Vec<i32> = (0..25).collect();
        let text = Pids(&pids).to_string();
        assert!(text.starts_with("(one of another pid namespace), 1, 2"));
        assert!(text.ends_with("19 and 5 more"), "{text}");
    }
}
