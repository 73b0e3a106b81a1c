//! SIGTERM and SIGINT while a process becomes another program.
//!
//! A handler does not outlive execve(2), and the next program has none yet: a signal in between would
//! be lost with the old program, or kill the new one. So they wait, from before the old program looks
//! for the last time until the new one has its handlers:
//!
//! ```text
//! handler ─► held ─► was there one? ── no ─► execve ─► handler ─► released
//!                        └── yes ─► error: Interrupted
//! ```
#![expect(unsafe_code, reason = "the signal mask and pre_exec have no safe face")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use rustix::io::Errno;

fn mask(how: libc::c_int) -> Result<(), Errno> {
    // SAFETY: a zeroed sigset_t is valid memory for sigemptyset, which sets it up; both signals exist.
    let answer = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::pthread_sigmask(how, &raw const set, ptr::null_mut())
    };
    match answer {
        0 => Ok(()),
        number => Err(Errno::from_raw_os_error(number)),
    }
}

/// Has SIGTERM and SIGINT wait, as far as this thread would take them.
///
/// # Errors
/// The kernel's; none is known.
pub fn hold() -> Result<(), Errno> {
    mask(libc::SIG_BLOCK)
}

/// Takes them again, and those that have waited.
///
/// # Errors
/// The kernel's; none is known.
pub fn release() -> Result<(), Errno> {
    mask(libc::SIG_UNBLOCK)
}

/// Becomes another program, with SIGTERM and SIGINT held: it is to [`release`] them. `told` is asked
/// once they are held, whether the process was told to end before; then the error is
/// [`Interrupted`](io::ErrorKind::Interrupted). Returns only if it failed.
///
/// To be called in a process with one thread.
pub fn exec(
    command: &mut Command,
    mut told: impl FnMut() -> bool + Send + Sync + 'static,
) -> io::Error {
    let prepare = move || {
        hold()?;
        match told() {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    };
    // SAFETY: there is no fork before exec: this process may do what it always may.
    unsafe { command.pre_exec(prepare) };
    let error = command.exec();
    // Whoever goes on takes them as before.
    let _ = release();
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

    /// A process that does this, and ends with 99. The standard library sets signals before it
    /// executes something, which is not to happen to the test runner.
    fn child(work: impl FnOnce()) -> i32 {
        // SAFETY: the child executes what is prepared, or ends; it unwinds to nowhere.
        match unsafe { libc::fork() } {
            0 => {
                work();
                // SAFETY: only ends the child.
                unsafe { libc::_exit(99) }
            }
            pid => pid,
        }
    }

    fn end(pid: i32) -> Option<i32> {
        let ended = waitpid(Pid::from_raw(pid), WaitOptions::empty()).unwrap();
        ended.unwrap().1.exit_status()
    }

    #[test]
    fn a_signal_waits_for_the_next_program() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut command = Command::new("cat");
        command.arg("/proc/self/status").stdout(writer);
        let pid = child(|| {
            exec(&mut command, || {
                kill_process(getpid(), Signal::TERM).is_err()
            });
        });
        drop(command);
        let mut status = String::new();
        io::Read::read_to_string(&mut reader, &mut status).unwrap();
        assert_eq!(end(pid), Some(0), "{status}");
        let both = (1 << (libc::SIGTERM - 1)) | (1 << (libc::SIGINT - 1));
        for (name, mask) in [("SigBlk", both), ("ShdPnd", 1 << (libc::SIGTERM - 1))] {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let set = line.unwrap().trim_start_matches(':').trim();
            assert_eq!(u64::from_str_radix(set, 16).unwrap(), mask, "{status}");
        }
    }

    #[test]
    fn whoever_was_told_before_does_not_become_anything() {
        let pid = child(|| {
            let error = exec(&mut Command::new("true"), || true);
            if error.kind() == io::ErrorKind::Interrupted {
                // SAFETY: only ends the child.
                unsafe { libc::_exit(7) }
            }
        });
        assert_eq!(end(pid), Some(7));
    }
}
