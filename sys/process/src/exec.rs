//! Becoming another program, and what to put in order before.
//!
//! [`program`] is execve(2) and nothing else: no search in `PATH`, no shell for files that are no
//! programs, both of which `execvp` adds.
#![expect(
    unsafe_code,
    reason = "execve, signal dispositions and close_range have no safe face"
)]

use std::ffi::{CStr, CString};
use std::ptr;

use rustix::io::Errno;

/// Executes the program at `path`. Returns only if that failed.
#[must_use]
pub fn program(path: &CStr, arguments: &[CString], environment: &[CString]) -> Errno {
    let list = |texts: &[CString]| -> Vec<*const libc::c_char> {
        let pointers = texts.iter().map(|text| text.as_ptr());
        pointers.chain([ptr::null()]).collect()
    };
    let (arguments, environment) = (list(arguments), list(environment));
    // SAFETY: both arrays end with a null pointer and point to C strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    warren_sys_errno::last()
}

/// Gives every signal its default action and blocks none, as a new program expects. (Rust
/// programs ignore SIGPIPE, and a supervisor blocks what it reads from a descriptor.)
///
/// # Errors
/// The mask cannot be set.
pub fn reset_signals() -> Result<(), Errno> {
    // All zero is the default action, no flags and an empty mask, whatever the order of the fields
    // of the kernel's `struct sigaction`, which is no longer than this.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: the kernel only reads the struct, and the default action runs no code of ours.
        // The call is made directly because the C library keeps 32 and 33 for itself and refuses
        // them, while whoever started us may have had them ignored. SIGKILL and SIGSTOP are
        // refused, which changes nothing.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                8,
            )
        };
    }
    // SAFETY: a zeroed sigset_t is valid memory for sigemptyset, which sets it up.
    let answer = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut())
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(warren_sys_errno::last())
    }
}

/// Marks every descriptor from `first` on to be closed when a program is executed.
///
/// # Errors
/// Neither `close_range` (Linux 5.11 for this) nor `/proc/self/fd` could be used.
pub fn close_from_on_exec(first: u32) -> Result<(), Errno> {
    // SAFETY: only a flag of descriptors is changed; all stay open and owned as they are.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if answer == 0 {
        return Ok(());
    }
    match warren_sys_errno::last() {
        Errno::NOSYS | Errno::INVAL | Errno::PERM => one_by_one(first),
        errno => Err(errno),
    }
}

fn one_by_one(first: u32) -> Result<(), Errno> {
    let from = |error: std::io::Error| warren_sys_errno::of(&error);
    for entry in std::fs::read_dir("/proc/self/fd").map_err(from)? {
        let name = entry.map_err(from)?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<i32>().ok());
        let Some(number) = number.filter(|number| u32::try_from(*number).is_ok_and(|n| n >= first))
        else {
            continue;
        };
        // SAFETY: as above.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert_eq!(program(c"/nonexistent", &[], &[]), Errno::NOENT);
        assert_eq!(program(c"/etc/passwd", &[], &[]), Errno::ACCESS);
    }

    #[test]
    fn both_ways_mark_descriptors() {
        let file = std::fs::File::open("/dev/null").unwrap();
        for mark in [close_from_on_exec, one_by_one] {
            let high = fcntl_dupfd_cloexec(&file, 500).unwrap();
            fcntl_setfd(&high, FdFlags::empty()).unwrap();
            mark(500).unwrap();
            assert_eq!(fcntl_getfd(&high).unwrap(), FdFlags::CLOEXEC);
        }
    }
}
