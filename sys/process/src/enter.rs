//! Programs that begin in a control group.
#![expect(unsafe_code, reason = "pre_exec has no safe face")]

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has the program begin in the group whose `cgroup.procs` this is, open for writing. The kernel
/// judges by whoever opened it, so the program may have another user. If the group cannot be
/// entered, the program is not started and the error is the kernel's.
pub fn in_group(command: &mut Command, procs: OwnedFd) -> &mut Command {
    let enter = move || {
        // 0 stands for who writes.
        rustix::io::write(&procs, b"0")?;
        Ok(())
    };
    // SAFETY: between fork and exec one system call is made: no allocation, no lock.
    unsafe { command.pre_exec(enter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_writes_that_it_enters() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("true");
        let status = in_group(&mut command, writer.into()).status();
        assert!(status.unwrap().success());
        drop(command);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "0");
    }

    #[test]
    fn a_group_that_cannot_be_entered_is_an_error() {
        let closed = std::fs::File::open("/dev/null").unwrap().into();
        let error = in_group(&mut Command::new("true"), closed).status();
        assert_eq!(error.unwrap_err().raw_os_error(), Some(9));
    }
}
