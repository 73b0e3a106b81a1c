//! Programs that are to outlive whoever starts them.
#![expect(unsafe_code, reason = "pre_exec has no safe face")]

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::exec::reset_signals;

/// Has the program begin in a session of its own, without a terminal, with every signal's default
/// action and none blocked. Its process group has its own pid as id.
pub fn in_own_session(command: &mut Command) -> &mut Command {
    let prepare = || {
        rustix::process::setsid()?;
        reset_signals()?;
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made: no allocation, no lock.
    unsafe { command.pre_exec(prepare) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, getpgid, getsid};

    #[test]
    fn a_program_leads_its_own_session() {
        let mut command = Command::new("sleep");
        let mut child = in_own_session(command.arg("60")).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        assert_eq!(getsid(pid).ok(), pid);
        assert_eq!(getpgid(pid).ok(), pid);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
