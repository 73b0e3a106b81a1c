//! Namespaces of the calling thread: which they are, leaving them, entering others.
//!
//! Source: namespaces(7), setns(2), unshare(2).
#![expect(
    unsafe_code,
    reason = "unshare(2) can break sharing that std relies on"
)]

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

/// A kind of namespace, named after its link in `/proc/PID/ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Control groups.
    Cgroup,
    /// System V and POSIX message objects.
    Ipc,
    /// Mounts.
    Mount,
    /// Network stack.
    Net,
    /// Process ids; for children only.
    Pid,
    /// User and group ids and capabilities.
    User,
    /// Host name.
    Uts,
}

impl Kind {
    /// The name of the link in `/proc/PID/ns`.
    pub fn link(self) -> &'static str {
        match self {
            Kind::Cgroup => "cgroup",
            Kind::Ipc => "ipc",
            Kind::Mount => "mnt",
            Kind::Net => "net",
            Kind::Pid => "pid",
            Kind::User => "user",
            Kind::Uts => "uts",
        }
    }

    fn unshare_flag(self) -> UnshareFlags {
        match self {
            Kind::Cgroup => UnshareFlags::NEWCGROUP,
            Kind::Ipc => UnshareFlags::NEWIPC,
            Kind::Mount => UnshareFlags::NEWNS,
            Kind::Net => UnshareFlags::NEWNET,
            Kind::Pid => UnshareFlags::NEWPID,
            Kind::User => UnshareFlags::NEWUSER,
            Kind::Uts => UnshareFlags::NEWUTS,
        }
    }

    fn enter_type(self) -> LinkNameSpaceType {
        match self {
            Kind::Cgroup => LinkNameSpaceType::ControlGroup,
            Kind::Ipc => LinkNameSpaceType::InterProcessCommunication,
            Kind::Mount => LinkNameSpaceType::Mount,
            Kind::Net => LinkNameSpaceType::Network,
            Kind::Pid => LinkNameSpaceType::ProcessID,
            Kind::User => LinkNameSpaceType::User,
            Kind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        }
    }
}

/// A namespace could not be read, left or entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// unshare(2) failed.
    #[error("cannot make new namespaces ({kinds:?})")]
    Unshare {
        /// What was asked for.
        kinds: Vec<Kind>,
        /// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, ENOSPC at a limit.
        source: Errno,
    },
    /// setns(2) failed.
    #[error("cannot enter the {} namespace", kind.link())]
    Enter {
        /// Which kind.
        kind: Kind,
        /// The kernel's answer.
        source: Errno,
    },
    /// The link in `/proc` could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The link.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Moves the calling thread into new namespaces of these kinds.
///
/// A new pid namespace holds only children made afterwards. New mount and user
/// namespaces also separate this thread's working directory and root from the
/// other threads' (`CLONE_FS` is implied).
///
/// # Errors
/// [`Error::Unshare`].
pub fn unshare(kinds: &[Kind]) -> Result<(), Error> {
    let flags = kinds
        .iter()
        .fold(UnshareFlags::empty(), |all, kind| all | kind.unshare_flag());
    // SAFETY: no flag of `Kind` is CLONE_FILES, so the descriptor table, which
    // is what the safety of other code rests on, stays shared.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(|source| Error::Unshare {
        kinds: kinds.to_vec(),
        source,
    })
}

/// Moves the calling thread into the namespace that `link` refers to.
///
/// # Errors
/// [`Error::Enter`].
pub fn enter(link: BorrowedFd<'_>, kind: Kind) -> Result<(), Error> {
    rustix::thread::move_into_link_name_space(link, Some(kind.enter_type()))
        .map_err(|source| Error::Enter { kind, source })
}

/// Opens a process's namespace; `task` is a directory such as `/proc/self`.
///
/// # Errors
/// [`Error::Open`].
pub fn open(task: &Path, kind: Kind) -> Result<File, Error> {
    let path = task.join("ns").join(kind.link());
    File::open(&path).map_err(|source| Error::Open { path, source })
}

/// The number that names a namespace for as long as it lives: the inode of its link.
///
/// # Errors
/// [`Error::Open`].
pub fn id(task: &Path, kind: Kind) -> Result<u64, Error> {
    let path = task.join("ns").join(kind.link());
    std::fs::metadata(&path)
        .map(|meta| meta.ino())
        .map_err(|source| Error::Open { path, source })
}

/// Runs `work` on a thread of its own that first moved into new namespaces.
///
/// # Errors
/// [`Error::Unshare`]; a panic of `work` is passed on.
pub fn in_new<T: Send>(kinds: &[Kind], work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    on_thread(|| unshare(kinds).map(|()| work()))
}

/// Runs `work` on a thread of its own that first entered `link`.
///
/// # Errors
/// [`Error::Enter`]; a panic of `work` is passed on.
pub fn inside<T: Send>(
    link: impl AsFd + Sync,
    kind: Kind,
    work: impl FnOnce() -> T + Send,
) -> Result<T, Error> {
    on_thread(|| enter(link.as_fd(), kind).map(|()| work()))
}

fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_net_namespace_has_another_id_and_leaves_the_caller_alone() {
        let here = Path::new("/proc/thread-self");
        let before = id(here, Kind::Net).unwrap();
        let inside = in_new(&[Kind::Net], || id(here, Kind::Net).unwrap()).unwrap();
        assert_ne!(inside, before);
        assert_eq!(id(here, Kind::Net).unwrap(), before);
    }

    #[test]
    fn a_missing_task_is_named() {
        let error = id(Path::new("/nonexistent"), Kind::User).unwrap_err();
        assert_eq!(error.to_string(), "cannot open /nonexistent/ns/user");
    }
}
