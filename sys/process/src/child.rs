//! A short-lived copy of this process, born inside a given cgroup.
//!
//! `clone3` with `CLONE_INTO_CGROUP` (Linux 5.7) puts the child there before it
//! runs and without the cgroup-wide lock that a migration takes, which costs
//! milliseconds. Where a seccomp filter answers ENOSYS to clone3, as container
//! engines do, the child is forked and moves itself.
#![expect(unsafe_code, reason = "fork and clone3 have no safe face")]

use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::clone3::clone3;

/// Why the child did not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No child could be made.
    Clone(Errno),
    /// The child could not enter the cgroup.
    Enter(Errno),
}

/// Runs `work` in a child inside `cgroup` (a cgroup2 directory; `None`: ours)
/// and waits for it.
///
/// # Safety
/// `work` runs in a copy of a possibly multi-threaded process: it must only make
/// system calls, allocate nothing, take no lock and not panic.
pub(crate) unsafe fn run(
    cgroup: Option<BorrowedFd<'_>>,
    work: &mut dyn FnMut(),
) -> Result<(), Failure> {
    let pid = match clone_into(cgroup) {
        // ENOSYS: filtered; E2BIG: a kernel that lacks the field; EOPNOTSUPP is about
        // the cgroup and would meet the fork as well, so it is not retried.
        Err(Errno::NOSYS | Errno::TOOBIG | Errno::INVAL) => fork(cgroup, work)?,
        Err(errno) => return Err(Failure::Clone(errno)),
        Ok(None) => {
            work();
            exit(0)
        }
        Ok(Some(pid)) => pid,
    };
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => {
                return match status.exit_status() {
                    Some(0) => Ok(()),
                    Some(errno) => Err(Failure::Enter(Errno::from_raw_os_error(errno))),
                    None => Err(Failure::Clone(Errno::CANCELED)),
                };
            }
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::Clone(errno)),
        }
    }
}

/// `Ok(None)` in the child.
fn clone_into(cgroup: Option<BorrowedFd<'_>>) -> Result<Option<Pid>, Errno> {
    // SAFETY: what runs in the child keeps to the contract of `run`.
    unsafe { clone3(0, cgroup) }.map(Pid::from_raw)
}

/// Forks; the child enters the cgroup itself, works and exits.
fn fork(cgroup: Option<BorrowedFd<'_>>, work: &mut dyn FnMut()) -> Result<Pid, Failure> {
    // SAFETY: the child only makes system calls, as the contract of `run` demands.
    match unsafe { libc::fork() } {
        -1 => Err(Failure::Clone(warren_sys_errno::last())),
        0 => {
            if let Some(Err(errno)) = cgroup.map(enter) {
                exit(errno.raw_os_error());
            }
            work();
            exit(0)
        }
        pid => Pid::from_raw(pid).ok_or(Failure::Clone(Errno::CHILD)),
    }
}

fn enter(cgroup: BorrowedFd<'_>) -> Result<(), Errno> {
    let procs = openat(
        cgroup,
        c"cgroup.procs",
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::io::write(&procs, b"0").map(|_| ())
}

fn exit(code: i32) -> ! {
    // SAFETY: _exit only ends this process; no destructor of the copied parent runs.
    unsafe { libc::_exit(code) }
}
