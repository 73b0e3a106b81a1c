//! A forked child that enters a cgroup, asks for one device there, and reports.
//!
//! Between `fork` and `_exit` the child of a process with threads may do only what is safe in a
//! signal handler: here plain system calls on memory prepared before, no allocation, no locks.
#![expect(unsafe_code, reason = "fork")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};

/// What to do in the cgroup, and its errno.
pub(super) type Job<'a> = &'a dyn Fn() -> [i32; 2];

/// Errnos of joining the cgroup and of the job; 0 is success.
pub(super) struct Answer {
    pub join: i32,
    pub job: [i32; 2],
}

/// Runs `job` in a child that first writes itself into `procs` (an open `cgroup.procs`).
///
/// `job` must keep to the rule in the module's head.
pub(super) fn run_in(procs: BorrowedFd<'_>, job: Job<'_>) -> Result<Answer, Errno> {
    let (reader, writer): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC)?;
    // SAFETY: the child runs `child` only, which keeps to signal-safe calls and never returns.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        child(procs, writer.as_fd(), job);
    }
    let pid = Pid::from_raw(pid).ok_or(Errno::AGAIN)?;
    drop(writer);
    let mut bytes = [0; 12];
    let mut filled = 0;
    let read = loop {
        match rustix::io::read(&reader, &mut bytes[filled..]) {
            Ok(0) => break Ok(()),
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(errno) => break Err(errno),
        }
    };
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Ok(_) => break,
            Err(errno) => return Err(errno),
        }
    }
    read?;
    if filled != bytes.len() {
        // Killed before it could tell.
        return Err(Errno::CHILD);
    }
    let word =
        |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok(Answer {
        join: word(0),
        job: [word(4), word(8)],
    })
}

fn child(procs: BorrowedFd<'_>, report: BorrowedFd<'_>, job: Job<'_>) -> ! {
    let join = rustix::io::write(procs, b"0")
        .err()
        .map_or(0, Errno::raw_os_error);
    let job = if join == 0 { job() } else { [0; 2] };
    let mut bytes = [0; 12];
    for (slot, word) in bytes.chunks_exact_mut(4).zip([join, job[0], job[1]]) {
        slot.copy_from_slice(&word.to_ne_bytes());
    }
    // A short or failed write shows in the parent as a missing answer. Twelve bytes are atomic.
    let told = rustix::io::write(report, &bytes).is_ok();
    // SAFETY: ends the process at once, without running handlers of the parent's copy.
    unsafe { libc::_exit(i32::from(!told)) }
}
