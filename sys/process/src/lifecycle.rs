//! Tying the life of a process to another's.

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
