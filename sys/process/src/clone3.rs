//! clone3(2), for children that are born in a cgroup.
#![expect(unsafe_code, reason = "clone3 has no safe face")]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// `struct clone_args`, first version that has `cgroup` (uapi/linux/sched.h).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes a child as fork(2) does, with these `CLONE_NEW*` flags and in this cgroup v2 group (`None`:
/// ours); 0 in the child.
///
/// # Safety
/// In a process of several threads the child must only make system calls, allocate nothing, take no
/// lock and not panic.
pub(crate) unsafe fn clone3(flags: u64, group: Option<BorrowedFd<'_>>) -> Result<i32, Errno> {
    let mut args = CloneArgs {
        flags,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(group) = group {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group.as_raw_fd() as u64;
    }
    // SAFETY: `args` is a valid clone_args of the size passed; without CLONE_VM the child has its
    // own copy of memory and returns on a copy of this stack.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut args,
            std::mem::size_of::<CloneArgs>(),
        )
    };
    i32::try_from(answer)
        .ok()
        .filter(|pid| *pid >= 0)
        .ok_or_else(warren_sys_errno::last)
}
