//! What is wanted, and the ways to get it; pure.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;
use warren_sys_process::namespaces::Kind;

/// What is to be run, and what it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A path, or a name that is looked up in the `PATH` of `environment`.
    pub program: PathBuf,
    /// What it is given, without its own name.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// Files and directories it may read besides the operating system's and its own.
    pub readable: Vec<PathBuf>,
    /// Bytes of address space of each process.
    pub memory: u64,
    /// Descriptors of each process.
    pub open_files: u64,
}

impl Options {
    /// A program with nothing more than it needs: 1 GiB and 256 descriptors.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            readable: Vec::new(),
            memory: 1 << 30,
            open_files: 256,
        }
    }
}

/// A way to keep a program apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Namespaces made by root.
    Namespaces,
    /// Namespaces inside a user namespace, which anybody may make where the kernel lets them.
    UserNamespace,
    /// No namespaces: Landlock and the filter of system calls alone.
    Bare,
}

impl Rung {
    /// The namespaces that it makes.
    #[must_use]
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Rung::Namespaces => &[Kind::Mount, Kind::Net, Kind::Pid, Kind::Ipc],
            Rung::UserNamespace => &[Kind::User, Kind::Mount, Kind::Net, Kind::Pid, Kind::Ipc],
            Rung::Bare => &[],
        }
    }

    /// Whether the program gets a root directory of its own.
    #[must_use]
    pub fn has_own_root(self) -> bool {
        self != Rung::Bare
    }
}

/// The rungs to try, best first. What a right is for is found out by trying, but one who is not
/// root is spared the attempt that cannot succeed.
#[must_use]
pub fn ladder(is_root: bool) -> &'static [Rung] {
    const ALL: &[Rung] = &[Rung::Namespaces, Rung::UserNamespace, Rung::Bare];
    if is_root { ALL } else { &ALL[1..] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_of_one_who_is_not_root_begins_lower() {
        assert_eq!(ladder(true).len(), 3);
        assert_eq!(ladder(false), &[Rung::UserNamespace, Rung::Bare]);
        assert!(!Rung::Bare.has_own_root() && Rung::Bare.kinds().is_empty());
    }
}
