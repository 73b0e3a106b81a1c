//! Copies of a process of one thread.
//!
//! In a process with several threads a forked child may do next to nothing: a lock that another
//! thread held stays locked for ever. With one thread the child is a whole process, so that the
//! functions here are safe to call; they count the threads themselves and refuse to fork if there
//! are more.
//!
//! | function | child |
//! |---|---|
//! | [`fork()`] | in the same namespaces (pid: what children of the caller get) |
//! | [`fork_into`] | in new namespaces, all owned by the new user namespace if there is one, and in a given cgroup v2 group |
#![expect(unsafe_code, reason = "fork and clone have no safe face")]

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::process::Pid;

use crate::clone3::clone3;
use crate::namespaces::Kind;

/// Where one is after a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// In the child.
    Child,
    /// In the parent, with the child's id as the parent sees it.
    Parent(Pid),
}

/// There is no child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Threads cannot be counted: no `/proc`.
    #[error("cannot count the threads of this process in /proc/self/task")]
    Count(#[source] Errno),
    /// The process has more than one thread.
    #[error("this process has {0} threads, and only one with a single thread can be forked whole")]
    Threads(u64),
    /// fork(2), clone(2): `EAGAIN` at a limit of processes, `ENOMEM` if the pid namespace for
    /// children has no init any more, `ENOSPC` at a limit of namespaces, `EPERM`.
    #[error("cannot make a child process")]
    Fork(#[source] Errno),
}

/// Makes a child that goes on from here in a copy of this process.
///
/// # Errors
/// [`Error`].
pub fn fork() -> Result<Fork, Error> {
    single_thread()?;
    // SAFETY: this is the only thread, so no lock or half-changed data is left behind in the child.
    match unsafe { libc::fork() } {
        -1 => Err(Error::Fork(warren_sys_errno::last())),
        0 => Ok(Fork::Child),
        pid => parent(pid),
    }
}

/// Makes a child in new namespaces, of which the user namespace is made first and owns the others,
/// and, if the kernel can (Linux 5.7, no filter on `clone3`), in a cgroup v2 group from its first
/// instant. The second value tells whether it is in that group already.
///
/// # Errors
/// [`Error`]. What the group refuses (`EBUSY`, `EOPNOTSUPP`, `EACCES`) is [`Error::Fork`] as well.
pub fn fork_into(kinds: &[Kind], group: Option<BorrowedFd<'_>>) -> Result<(Fork, bool), Error> {
    single_thread()?;
    let flags = kinds.iter().fold(0_u64, |all, kind| all | flag(*kind));
    if let Some(group) = group {
        // SAFETY: this is the only thread, so the child is a whole process.
        match unsafe { clone3(flags, Some(group)) } {
            // Filtered, or a kernel without the field.
            Err(Errno::NOSYS | Errno::TOOBIG | Errno::INVAL) => {}
            Err(errno) => return Err(Error::Fork(errno)),
            Ok(0) => return Ok((Fork::Child, true)),
            Ok(pid) => return parent(pid).map(|fork| (fork, true)),
        }
    }
    match clone(flags) {
        Err(errno) => Err(Error::Fork(errno)),
        Ok(0) => Ok((Fork::Child, false)),
        Ok(pid) => parent(pid).map(|fork| (fork, false)),
    }
}

/// Ends this process at once, without running anything that the parent's copy may still need.
pub fn exit(code: i32) -> ! {
    // SAFETY: _exit only ends this process.
    unsafe { libc::_exit(code) }
}

/// Checks that the calling process has one thread.
///
/// # Errors
/// [`Error::Threads`], [`Error::Count`].
pub fn single_thread() -> Result<(), Error> {
    // A directory has a link for each directory in it and two of its own.
    let links = rustix::fs::stat("/proc/self/task")
        .map_err(Error::Count)?
        .st_nlink;
    match links {
        0..=3 => Ok(()),
        more => Err(Error::Threads(more - 2)),
    }
}

fn flag(kind: Kind) -> u64 {
    let flag = match kind {
        Kind::Cgroup => libc::CLONE_NEWCGROUP,
        Kind::Ipc => libc::CLONE_NEWIPC,
        Kind::Mount => libc::CLONE_NEWNS,
        Kind::Net => libc::CLONE_NEWNET,
        Kind::Pid => libc::CLONE_NEWPID,
        Kind::User => libc::CLONE_NEWUSER,
        Kind::Uts => libc::CLONE_NEWUTS,
    };
    u64::from(flag.unsigned_abs())
}

fn parent(pid: i32) -> Result<Fork, Error> {
    Pid::from_raw(pid)
        .map(Fork::Parent)
        .ok_or(Error::Fork(Errno::CHILD))
}

/// The older call, which filters on `clone3` leave alone.
fn clone(flags: u64) -> Result<i32, Errno> {
    let flags = flags | libc::SIGCHLD as u64;
    // SAFETY: no stack, no thread-local storage and no ids are passed: but for the namespaces this
    // is fork, and there is no other thread.
    let answer = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    i32::try_from(answer)
        .ok()
        .filter(|pid| *pid >= 0)
        .ok_or_else(warren_sys_errno::last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test runner has threads of its own.
        std::thread::scope(|scope| {
            let (done, wait) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || wait.recv());
            assert!(matches!(fork(), Err(Error::Threads(2..))));
            assert!(matches!(fork_into(&[], None), Err(Error::Threads(2..))));
            drop(done);
        });
    }
}
