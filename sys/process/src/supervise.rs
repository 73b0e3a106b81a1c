//! A parent for one program: hands on the signals that it is sent, waits for whatever is orphaned
//! below it, and ends as the program ends.
//!
//! ```text
//! signals ─► supervisor ─► program        orphans of the program ─► supervisor
//!                 ◄─ ended ─┘
//! ```
//!
//! As pid 1 of a namespace it gives the program what it would lack there: the kernel keeps signals
//! without a handler from a pid 1, and nobody else waits for orphans. Elsewhere it declares itself
//! the parent of orphans.
//!
//! It makes few system calls, all of them among those that filters for containers allow, and takes
//! no memory but its stack's once the program runs.
#![expect(unsafe_code, reason = "fork and waiting for signals have no safe face")]

use std::ffi::{CStr, CString};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, set_child_subreaper, setpgid, wait,
};

use crate::fork::{self, Fork};
use crate::{exec, fork::exit};

/// Exit status of the supervisor if there is no such program.
pub const NOT_FOUND: u8 = 127;
/// Exit status of the supervisor if the program cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;

/// Why the program was not supervised.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No child.
    #[error("cannot make a process for the program")]
    Fork(#[from] fork::Error),
    /// The signals cannot be held back.
    #[error("cannot set the signal mask")]
    Mask(#[source] Errno),
}

/// Runs a program to its end in a process group of its own; the answer is its exit status, or 128
/// and the number of the signal that ended it.
///
/// The candidates are tried in order as in a search of `PATH`. If none can be executed `complain`
/// is called in the child with the last error that is not "no such file".
///
/// To be called in a process with one thread; it takes over its signals and its children.
///
/// # Errors
/// [`Error`].
pub fn supervise(
    candidates: &[CString],
    arguments: &[CString],
    environment: &[CString],
    complain: impl FnOnce(Errno),
) -> Result<u8, Error> {
    // Nobody's orphans come to a process that is not asked for it; pid 1 gets them anyway.
    let _old_kernel = set_child_subreaper(Some(getpid()));
    let handed_on = hand_on()?;
    let program = match fork::fork()? {
        Fork::Child => {
            let errno = become_program(candidates, arguments, environment);
            complain(errno);
            let code = match errno {
                Errno::NOENT => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            };
            exit(code.into())
        }
        Fork::Parent(pid) => pid,
    };
    loop {
        match next(&handed_on) {
            Some(Signal::CHILD) => {
                if let Some(status) = reap(program) {
                    return Ok(status);
                }
            }
            // It may have ended; that comes as a signal too.
            Some(signal) => {
                let _gone = kill_process(program, signal);
            }
            None => {}
        }
    }
}

fn become_program(candidates: &[CString], arguments: &[CString], environment: &[CString]) -> Errno {
    // What is sent to the supervisor's group comes to it alone, and is handed on once.
    let _alone = setpgid(None, None);
    if let Err(errno) = exec::reset_signals() {
        return errno;
    }
    let mut told = Errno::NOENT;
    for candidate in candidates {
        let errno = exec::program(candidate.as_c_str() as &CStr, arguments, environment);
        if !matches!(errno, Errno::NOENT | Errno::NOTDIR) {
            told = errno;
        }
    }
    told
}

/// Waits for all that have ended; how the program has, if it is among them.
fn reap(program: Pid) -> Option<u8> {
    let mut ended = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == program => ended = code(status).or(ended),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return ended,
        }
    }
}

fn code(status: WaitStatus) -> Option<u8> {
    let code = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => return None,
    };
    u8::try_from(code).ok()
}

/// Holds back every signal but those by which the kernel tells of a fault of our own.
fn hand_on() -> Result<libc::sigset_t, Error> {
    const FAULTS: [i32; 7] = [
        libc::SIGABRT,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGSEGV,
        libc::SIGSYS,
        libc::SIGTRAP,
    ];
    // SAFETY: a zeroed sigset_t is valid memory for sigfillset, which sets it up, and the other
    // functions only read or change the set that they are given.
    let (set, answer) = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        for fault in FAULTS {
            libc::sigdelset(&raw mut set, fault);
        }
        let none = std::ptr::null_mut();
        (
            set,
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, none),
        )
    };
    if answer == 0 {
        return Ok(set);
    }
    Err(Error::Mask(warren_sys_errno::last()))
}

/// Waits for the next signal; `None` for one that is not ours to hand on.
fn next(set: &libc::sigset_t) -> Option<Signal> {
    // SAFETY: the set is a valid one, and nothing is asked about the sender.
    let number = unsafe { libc::sigwaitinfo(set, std::ptr::null_mut()) };
    Signal::from_named_raw(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Supervises in a child of one thread, which is what it takes, and tells how that ends.
    fn supervised(script: &str) -> i32 {
        let strings = |texts: &[&str]| -> Vec<CString> {
            texts
                .iter()
                .map(|text| CString::new(*text).unwrap())
                .collect()
        };
        let candidates = strings(&["/nonexistent/sh", "/bin/sh"]);
        let arguments = strings(&["sh", "-c", script]);
        let environment = strings(&["PATH=/bin:/usr/bin"]);
        // SAFETY: the child makes system calls and no other use of what threads may have locked.
        match unsafe { libc::fork() } {
            0 => {
                let ended = supervise(&candidates, &arguments, &environment, |_| {});
                exit(ended.map_or(99, i32::from))
            }
            pid => {
                let mut status = 0;
                // SAFETY: `status` is a valid place for the answer.
                unsafe { libc::waitpid(pid, &raw mut status, 0) };
                libc::WEXITSTATUS(status)
            }
        }
    }

    #[test]
    fn ends_as_the_program_ends() {
        assert_eq!(supervised("exit 7"), 7);
        assert_eq!(supervised("kill -KILL $$"), 137);
    }

    #[test]
    fn signals_are_handed_on() {
        let script = "trap 'exit 42' HUP; kill -HUP $PPID; while :; do sleep 0.01; done";
        assert_eq!(supervised(script), 42);
    }

    #[test]
    fn orphans_come_to_it_and_do_not_stay() {
        let folder = format!("warren-test-{}-supervise", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir(&folder).unwrap();
        // The orphan's parent is the shell's, until it is told to end; then it is not among the
        // living any more.
        let script = format!(
            "cd {} || exit 2
            sh -c 'while ! [ -e seen ]; do sleep 0.01; done & echo $! >pid' &
            wait; pid=$(cat pid)
            grep -q \"PPid:.$PPID$\" /proc/$pid/status; parent=$?; touch seen
            while [ -e /proc/$pid ]; do sleep 0.01; done; exit $parent",
            folder.display()
        );
        let ended = supervised(&script);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(ended, 0);
    }
}
