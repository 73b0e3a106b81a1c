//! Filters on system calls.
//!
//! Source: seccomp(2), `Documentation/userspace-api/seccomp_filter.rst`.
#![expect(unsafe_code, reason = "seccomp(2) has no safe face")]

use rustix::io::Errno;

/// One instruction of classic BPF: `struct sock_filter` (linux/filter.h).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Jump if true.
    pub jump_true: u8,
    /// Jump if false.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Puts a filter on the calling thread and all it will ever start. Of several filters each is
/// asked, and the strictest answer holds; among equals that of the newest.
///
/// # Errors
/// `EACCES`: neither `CAP_SYS_ADMIN` in the thread's user namespace nor `no_new_privs`. `EINVAL`:
/// not a valid program, or none or more than 4096 instructions. `ENOMEM`: too many filters.
pub fn install(program: &[Instruction]) -> Result<(), Errno> {
    let program = Program {
        length: u16::try_from(program.len()).map_err(|_| Errno::INVAL)?,
        instructions: program.as_ptr(),
    };
    // SAFETY: `Program` and `Instruction` have the layouts of sock_fprog and sock_filter, and the
    // length is that of the slice, which outlives the call; the kernel copies and checks it.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    if answer == 0 {
        return Ok(());
    }
    Err(warren_sys_errno::last())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Return this."
    const RETURN: u16 = 0x06;

    #[test]
    fn a_filter_needs_a_valid_program() {
        assert_eq!(install(&[]), Err(Errno::INVAL));
    }

    #[test]
    fn a_filter_binds_the_thread() {
        // It goes with the thread.
        let mode = std::thread::spawn(|| {
            let allow = Instruction {
                code: RETURN,
                jump_true: 0,
                jump_false: 0,
                operand: libc::SECCOMP_RET_ALLOW,
            };
            rustix::thread::set_no_new_privs(true).unwrap();
            install(&[allow]).unwrap();
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("Seccomp:"));
            line.unwrap()
                .split_ascii_whitespace()
                .nth(1)
                .map(str::to_owned)
        });
        assert_eq!(mode.join().unwrap().as_deref(), Some("2"));
    }
}
