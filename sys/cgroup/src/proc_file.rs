//! `/proc/PID/cgroup`: the group of a process in every hierarchy.
//!
//! ```text
//! 4:memory:/a/b              v1 hierarchy 4
//! 1:name=systemd:/           v1 hierarchy without a controller
//! 0::/../x (deleted)         v2
//! ```
//!
//! The ` (deleted)` mark is part of the path's text, so a group really named so looks the same;
//! only the directory can tell.

use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::path::NsPath;

/// A process's groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessCgroups {
    /// One entry per hierarchy, in the kernel's order.
    pub memberships: Vec<Membership>,
}

/// A process's group in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Hierarchy number; 0 is v2.
    pub hierarchy: u32,
    /// Controllers of a v1 hierarchy, with `name=...` for a named one. Empty for v2.
    pub controllers: Vec<String>,
    /// The group, relative to the reader's cgroup namespace.
    pub path: NsPath,
    /// The path carries the mark of a deleted group.
    pub deleted: bool,
}

/// A `/proc/PID/cgroup` could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ProcFileError {
    /// It could not be read; `ENOENT` and `ESRCH` mean the process is gone.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: Errno,
    },
    /// A line has not the documented shape.
    #[error("line {line} of {} is not of the form number:controllers:/path", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
}

impl ProcessCgroups {
    /// Our own groups. Threads may be in different groups of a threaded subtree or of v1; this is
    /// the thread group leader's.
    ///
    /// # Errors
    /// `/proc` is not mounted or has an unknown shape.
    pub fn of_self(proc_root: &Path) -> Result<Self, ProcFileError> {
        Self::read(proc_root.join("self/cgroup"))
    }

    /// The groups of `pid` (in the pid namespace of `proc_root`).
    ///
    /// # Errors
    /// The process is gone, or the file has an unknown shape.
    pub fn of_pid(proc_root: &Path, pid: Pid) -> Result<Self, ProcFileError> {
        Self::read(
            proc_root
                .join(pid.as_raw_nonzero().to_string())
                .join("cgroup"),
        )
    }

    /// Reads one file of this kind.
    ///
    /// # Errors
    /// It cannot be read, or has an unknown shape.
    pub fn read(path: PathBuf) -> Result<Self, ProcFileError> {
        match std::fs::read(&path) {
            Ok(text) => Self::parse(&text).map_err(|line| ProcFileError::Line { path, line }),
            Err(e) => {
                let source = warren_sys_errno::of(&e);
                Err(ProcFileError::Io { path, source })
            }
        }
    }

    /// Parses the text.
    ///
    /// # Errors
    /// The number of the first line that is not of the documented shape.
    pub fn parse(text: &[u8]) -> Result<Self, usize> {
        let lines = text
            .split(|b| *b == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.is_empty());
        let memberships = lines
            .map(|(n, line)| membership(line).ok_or(n + 1))
            .collect::<Result<_, _>>()?;
        Ok(Self { memberships })
    }

    /// The v2 entry. Absent only on kernels without cgroup v2, or (before its first mount) on some
    /// with it.
    #[must_use]
    pub fn v2(&self) -> Option<&Membership> {
        self.memberships.iter().find(|m| m.is_v2())
    }

    /// The entry of the v1 hierarchy with this controller (or `name=...`).
    #[must_use]
    pub fn v1(&self, controller: &str) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|m| m.controllers.iter().any(|c| c == controller))
    }
}

impl Membership {
    /// Whether this is the v2 hierarchy.
    #[must_use]
    pub fn is_v2(&self) -> bool {
        self.hierarchy == 0 && self.controllers.is_empty()
    }
}

fn membership(line: &[u8]) -> Option<Membership> {
    let mut fields = line.splitn(3, |b| *b == b':');
    let hierarchy = std::str::from_utf8(fields.next()?).ok()?;
    // `str::parse` would take a leading plus sign.
    let hierarchy = hierarchy
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| hierarchy.parse().ok())??;
    let controllers = std::str::from_utf8(fields.next()?).ok()?;
    let controllers = controllers
        .split(',')
        .filter(|c| !c.is_empty())
        .map(str::to_owned);
    let text = fields.next()?;
    let (text, deleted) = match text.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (text, false),
    };
    let path = NsPath::parse(text)?;
    Some(Membership {
        hierarchy,
        controllers: controllers.collect(),
        path,
        deleted,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hybrid_process() {
        let groups = ProcessCgroups::parse(
            b"12:net_cls,net_prio:/c:x\n1:name=systemd:/init.scope\n0::/../a b (deleted)\n",
        )
        .unwrap();
        assert_eq!(groups.v1("net_prio").unwrap().path.to_string(), "/c:x");
        assert_eq!(groups.v1("name=systemd").unwrap().hierarchy, 1);
        let v2 = groups.v2().unwrap();
        assert!(v2.deleted && v2.path.is_outside());
        assert_eq!(v2.path.names, ["a b"]);
        assert!(groups.v1("memory").is_none());
    }

    #[test]
    fn the_bad_line_is_numbered() {
        assert_eq!(ProcessCgroups::parse(b"0::/\nx::/\n"), Err(2));
        assert_eq!(ProcessCgroups::parse(b"0::/\n0:memory\n"), Err(2));
        assert_eq!(ProcessCgroups::parse(b"0::relative\n"), Err(1));
        assert_eq!(ProcessCgroups::parse(b"+0::/\n"), Err(1));
    }

    #[test]
    fn no_v2_line_is_no_v2() {
        assert!(
            ProcessCgroups::parse(b"3:cpu,cpuacct:/\n")
                .unwrap()
                .v2()
                .is_none()
        );
    }

    proptest! {
        #[test]
        fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ProcessCgroups::parse(&bytes);
        }

        #[test]
        fn lines_round_trip(hierarchy in 1_u32..99, controllers in proptest::collection::vec("[a-z_]{1,8}", 1..4), name in "[a-z:. ]{1,12}x") {
            let line = format!("{hierarchy}:{}:/{name}\n", controllers.join(","));
            let parsed = ProcessCgroups::parse(line.as_bytes()).unwrap();
            let m = &parsed.memberships[0];
            prop_assert_eq!(m.hierarchy, hierarchy);
            prop_assert_eq!(&m.controllers, &controllers);
            prop_assert_eq!(&m.path.names, &[std::ffi::OsString::from(name)]);
        }
    }
}
