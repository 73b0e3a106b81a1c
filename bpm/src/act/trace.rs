//! `bpm trace`: strace(1) of a process.

use std::process::Command;

use super::Bpm;
use crate::Error;
use crate::root::Name;

impl Bpm {
    /// The command that shows a process's system calls, and those of all it starts.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub fn trace(&self, name: &Name) -> Result<Command, Error> {
        let pid = self.pid(name)?.to_string();
        let mut command = Command::new("strace");
        command.args(["-s", "100", "-f", "-y", "-yy", "-p", &pid]);
        Ok(command)
    }
}
