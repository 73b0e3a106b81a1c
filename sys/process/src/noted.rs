//! Programs that are written down before they begin.
//!
//! Who keeps programs and may be killed at any moment writes down which run, so that whoever comes
//! after finds them. Between fork and that note there must be no moment in which the program can do
//! something: it would be started again. So the child waits:
//!
//! ```text
//! parent   fork ─────────── its pid ─► note ── go ─► answer of execve
//! child         pid ─► waits ──────────────────┴─► execve
//!                        └── the parent is gone ─► ends, and has done nothing
//! ```
#![expect(unsafe_code, reason = "pre_exec, close and _exit have no safe face")]

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread::Builder;

/// Starts a program. `note` is given its pid while it is there but has not begun; if this process
/// ends before `note` is done, the program never begins.
///
/// What else was asked of the child before its program, as a session of its own, is done by then.
///
/// # Errors
/// As of [`Command::spawn`]; `note` may have been called nevertheless. No pipe or thread can be had.
pub fn spawn(mut command: Command, note: impl FnOnce(u32)) -> io::Result<Child> {
    let (mut told, mut tell) = io::pipe()?;
    let (wait, mut go) = io::pipe()?;
    let (childs_tell, parents_end) = (tell.try_clone()?, go.as_raw_fd());
    let prepare = move || {
        // With this end open in the child itself, it would never hear that the parent's is closed.
        // SAFETY: in the child nobody else uses this descriptor, and nothing is dropped there.
        unsafe { libc::close(parents_end) };
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        rustix::io::write(&childs_tell, &pid.to_ne_bytes())?;
        match rustix::io::retry_on_intr(|| rustix::io::read(&wait, &mut [0_u8; 1][..]))? {
            // The parent is gone: nobody is there to be told.
            // SAFETY: only ends the child.
            0 => unsafe { libc::_exit(1) },
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec only system calls are made: no allocation, no lock.
    unsafe { command.pre_exec(prepare) };
    std::thread::scope(|scope| {
        // `spawn` returns when the program has begun or cannot: not before `go`.
        let spawn = move || {
            let child = command.spawn();
            // For whoever still waits for a pid: there is none.
            let _ = tell.write_all(&[0; 4]);
            child
        };
        let spawned = Builder::new()
            .name("spawn".to_owned())
            .stack_size(256 * 1024)
            .spawn_scoped(scope, spawn)?;
        let mut pid = [0; 4];
        if told.read_exact(&mut pid).is_ok() && pid != [0; 4] {
            note(u32::from_ne_bytes(pid));
            // One that was killed meanwhile reads no more; its end is in the answer.
            let _ = go.write_all(&[1]);
        }
        drop(go);
        let answer = spawned.join();
        answer.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn place(name: &str) -> PathBuf {
        let name = format!("warren-test-{}-{name}", std::process::id());
        std::env::temp_dir().join(name)
    }

    #[test]
    fn a_program_begins_when_it_is_noted() {
        let mark = place("noted");
        let mut command = Command::new("touch");
        command.arg(&mark);
        let mut noted = 0;
        let mut child = spawn(command, |pid| {
            noted = pid;
            assert!(PathBuf::from(format!("/proc/{pid}")).exists());
            // Were it not held it would be done by now.
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(!mark.exists(), "it has begun");
        })
        .unwrap();
        assert_eq!(child.id(), noted);
        assert!(child.wait().unwrap().success());
        std::fs::remove_file(&mark).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let error = spawn(Command::new("/nonexistent/program"), |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn one_that_ends_while_it_waits_is_an_error_or_dead() {
        let killed = spawn(Command::new("true"), |pid| {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        // The standard library takes a child that says nothing for one that runs its program.
        if let Ok(mut child) = killed {
            assert!(!child.wait().unwrap().success());
        }
    }

    #[test]
    fn a_program_whose_parent_dies_never_begins() {
        let mark = place("orphan");
        let (mut told, tell) = io::pipe().unwrap();
        // A parent of its own to die: this very executable. What is told comes by its standard
        // input, as the other two are the test runner's.
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "noted::tests::parent_that_dies"])
            .env(MARK, &mark)
            .stdin(tell)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut held = [0; 4];
        told.read_exact(&mut held).unwrap();
        assert_eq!(parent.wait().unwrap().code(), Some(0));
        // The held one has the other end of this pipe too, and with its end that is closed.
        assert_eq!(told.read(&mut held).unwrap(), 0);
        assert!(!mark.exists(), "it began");
    }

    /// Names the file that the program would make.
    const MARK: &str = "WARREN_TEST_MARK";

    #[test]
    #[ignore = "the process that another test makes"]
    fn parent_that_dies() {
        let mut command = Command::new("touch");
        command.arg(std::env::var_os(MARK).unwrap());
        let answer = spawn(command, |pid| {
            rustix::io::write(io::stdin(), &pid.to_ne_bytes()).unwrap();
            // SAFETY: only ends the process.
            unsafe { libc::_exit(0) }
        });
        panic!("it goes on: {answer:?}");
    }
}
