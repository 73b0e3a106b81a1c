//! A user namespace that no process lives in, to see what one may do and to map mounts with.
//!
//! Only a process of one thread can make a user namespace, so a child does:
//!
//! ```text
//! child   unshare user ─► errno ─► waits ──────────────► unshare mount ─► errno ─► ends
//! parent                    reads, writes the maps, opens the namespace, go ──► reads
//! ```
//!
//! The namespace lives on in the descriptor. Source: user_namespaces(7).
#![expect(unsafe_code, reason = "runs in a fork of the process")]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::UnshareFlags;

use crate::namespaces::{self, Kind};

/// Ids of the new namespace and what they are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// First id inside.
    pub inside: u32,
    /// First id outside, in the caller's namespace.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// A user namespace made for a look.
#[derive(Debug)]
pub struct Scratch {
    /// Its link; the namespace ends with the last descriptor.
    pub namespace: File,
    /// Whether a process in it could make a mount namespace, which tells whether it has
    /// capabilities there. A security module may leave it none (`EPERM` or `EACCES`).
    pub mount_namespace: Result<(), Errno>,
}

/// No user namespace could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipes or the child.
    #[error("cannot start a child to make a user namespace in")]
    Child(#[source] Errno),
    /// unshare(2): `EPERM` where forbidden, `ENOSPC` at a limit, `ENOSYS` or `EINVAL` without
    /// kernel support.
    #[error("cannot make a user namespace")]
    Create(#[source] Errno),
    /// A file of `/proc/PID` refused the ids.
    #[error("cannot write {}", path.display())]
    Map {
        /// `uid_map`, `gid_map` or `setgroups`.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The namespace's link.
    #[error("cannot open the new user namespace")]
    Open(#[from] namespaces::Error),
}

/// Makes a user namespace with these ids, of users and of groups alike.
///
/// More than the caller's own id needs `CAP_SETUID` and `CAP_SETGID`.
///
/// # Errors
/// [`Error`]; no process is left behind.
pub fn scratch(map: Map) -> Result<Scratch, Error> {
    let (from_child, to_parent) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Child)?;
    let (from_parent, to_child) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Child)?;
    // SAFETY: the child only makes system calls over memory that exists, and never returns.
    let pid = match unsafe { libc::fork() } {
        0 => {
            // Or the child would never see the end of its own pipe.
            for end in [&from_child, &to_child] {
                // SAFETY: the child never returns, so nobody uses or drops these again.
                unsafe { rustix::io::close(end.as_raw_fd()) };
            }
            child(to_parent.as_fd(), from_parent.as_fd())
        }
        pid => Pid::from_raw(pid),
    };
    let Some(pid) = pid.filter(|pid| pid.as_raw_nonzero().get() > 0) else {
        return Err(Error::Child(warren_sys_errno::last()));
    };
    drop((to_parent, from_parent));
    let outcome = lead(pid, map, from_child.as_fd(), to_child.as_fd());
    // The child ends when the pipe does, however far it came.
    drop((from_child, to_child));
    while matches!(
        waitpid(Some(pid), WaitOptions::empty()),
        Err(Errno::INTR) | Ok(None)
    ) {}
    outcome
}

/// The parent's part.
fn lead(
    pid: Pid,
    map: Map,
    from_child: BorrowedFd<'_>,
    to_child: BorrowedFd<'_>,
) -> Result<Scratch, Error> {
    receive(from_child)
        .map_err(Error::Child)?
        .map_err(Error::Create)?;
    let task = Path::new("/proc").join(pid.as_raw_nonzero().to_string());
    let write = |file: &str, text: &str| {
        let path = task.join(file);
        std::fs::write(&path, text).map_err(|source| Error::Map { path, source })
    };
    let line = format!("{} {} {}\n", map.inside, map.outside, map.count);
    // Without privilege groups may be mapped only after this.
    write("setgroups", "deny")?;
    write("uid_map", &line)?;
    write("gid_map", &line)?;
    let namespace = namespaces::open(&task, Kind::User)?;
    rustix::io::write(to_child, b"g").map_err(Error::Child)?;
    let mount_namespace = receive(from_child).map_err(Error::Child)?;
    Ok(Scratch {
        namespace,
        mount_namespace,
    })
}

fn receive(from: BorrowedFd<'_>) -> Result<Result<(), Errno>, Errno> {
    let mut word = [0u8; 4];
    loop {
        match rustix::io::read(from, &mut word) {
            Ok(4) => {
                return Ok(match i32::from_ne_bytes(word) {
                    0 => Ok(()),
                    errno => Err(Errno::from_raw_os_error(errno)),
                });
            }
            Err(Errno::INTR) => {}
            Ok(_) => return Err(Errno::CHILD),
            Err(errno) => return Err(errno),
        }
    }
}

/// The child's part: system calls only.
fn child(to_parent: BorrowedFd<'_>, from_parent: BorrowedFd<'_>) -> ! {
    tell(to_parent, unshare(UnshareFlags::NEWUSER));
    let mut go = [0u8; 1];
    if matches!(rustix::io::read(from_parent, &mut go), Ok(1)) {
        tell(to_parent, unshare(UnshareFlags::NEWNS));
    }
    // SAFETY: _exit only ends this process; no destructor of the copied parent runs.
    unsafe { libc::_exit(0) }
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: descriptors stay shared with nobody but the parent's copy, as after any fork.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

fn tell(to: BorrowedFd<'_>, outcome: Result<(), Errno>) {
    let errno = outcome.err().map_or(0, Errno::raw_os_error);
    if rustix::io::write(to, &errno.to_ne_bytes()).is_err() {
        // SAFETY: as above.
        unsafe { libc::_exit(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_scratch_namespace_is_another_and_leaves_no_child() {
        let own = rustix::process::geteuid().as_raw();
        let map = Map {
            inside: 0,
            outside: own,
            count: 1,
        };
        let made = scratch(map).unwrap();
        assert_eq!(made.mount_namespace, Ok(()));
        let here = namespaces::id(Path::new("/proc/self"), Kind::User).unwrap();
        assert_ne!(made.namespace.metadata().unwrap().ino(), here);
    }

    #[test]
    fn ids_that_do_not_exist_are_refused_with_the_file() {
        let map = Map {
            inside: 0,
            outside: u32::MAX,
            count: 2,
        };
        let error = scratch(map).unwrap_err();
        assert!(error.to_string().ends_with("/uid_map"), "{error}");
    }
}
