//! Whether a process lives, and tying its life to another's.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Has the kernel kill this process when its parent thread ends.
///
/// `parent` is the pid expected: a parent that died before this call would
/// otherwise go unnoticed, so that case is an error the caller exits on.
///
/// # Errors
/// `ESRCH` if the parent is already another process.
pub fn die_with_parent(parent: Option<Pid>) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if parent.is_some() && getppid() != parent {
        return Err(Errno::SRCH);
    }
    Ok(())
}

/// Whether a process does anything of its own accord: neither one that has ended, nor one that was
/// killed and whose last threads have yet to come back from the kernel, with all that it held open.
#[must_use]
pub fn is_running(pid: Pid) -> bool {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let Ok(text) = std::fs::read(path) else {
        return false;
    };
    let text = String::from_utf8_lossy(&text);
    // The name stands in parentheses and may hold anything; the state comes after it.
    let state = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn one_that_has_ended_does_not_run_though_nobody_has_waited_for_it() {
        let mut child = Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        assert!(is_running(pid));
        child.kill().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while is_running(pid) {
            assert!(std::time::Instant::now() < deadline, "it runs on");
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!is_running(pid));
    }
}
