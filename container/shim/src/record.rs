//! `shim.json`: which processes and cgroups are a container's, for whoever has nothing but the
//! depot left.
//!
//! A pid alone is no name: it is used again. With the start time (field 22 of `/proc/PID/stat`,
//! clock ticks since boot) and the boot's id it is.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use crate::spec::Place;

/// A process that can be told from a later one of the same pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// In the pid namespace of whoever wrote it.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    pub start: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
}

impl Identity {
    /// That of a living process.
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self {
            pid,
            start: start_time(pid)?,
            boot: boot_id(),
        })
    }

    /// Opens the process, if it still is the same one; a zombie has ended.
    pub fn open(&self) -> Option<OwnedFd> {
        let fd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // Looked at after opening: what is open now is what had this start time.
        (self.boot == boot_id() && start_time(self.pid) == Some(self.start)).then_some(fd)
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.open().is_some()
    }
}

fn boot_id() -> String {
    // Where it cannot be read it is always the same, and decides nothing.
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim_end().to_owned())
        .unwrap_or_default()
}

/// `None` if there is no such process, or if it is a zombie.
fn start_time(pid: i32) -> Option<u64> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    // The name stands in parentheses and may hold anything; the state is field 3.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The shim.
    pub shim: Identity,
    /// Init; absent until it has been forked.
    pub init: Option<Identity>,
    /// Its cgroups, which may not have been made yet.
    pub place: Place,
}

impl Record {
    /// Reads the record of the container in this directory. `None` if there is none, or if it is
    /// half written: it is replaced as a whole, so then its writer died before the first one.
    pub fn load(directory: &Path) -> Option<Self> {
        let bytes = fs::read(directory.join("shim.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Replaces the record.
    pub fn save(&self, directory: &Path) -> std::io::Result<()> {
        crate::files::replace(&directory.join("shim.json"), self, 0o600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let identity = Identity::of(pid).unwrap();
        assert!(identity.is_alive());
        child.kill().unwrap();
        // The zombie counts as ended as well as no process at all.
        let fd = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
        let mut poll = [rustix::event::PollFd::new(
            &fd,
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut poll, None).unwrap();
        assert!(!identity.is_alive());
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }

    #[test]
    fn another_process_of_the_same_pid_is_not_taken_for_it() {
        let own = i32::try_from(std::process::id()).unwrap();
        let identity = Identity::of(own).unwrap();
        let earlier = Identity {
            start: identity.start - 1,
            ..identity.clone()
        };
        assert!(!earlier.is_alive());
        let other_boot = Identity {
            boot: "another".into(),
            ..identity
        };
        assert!(!other_boot.is_alive());
    }
}
