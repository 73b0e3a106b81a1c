//! Processes that can be told from later ones of the same pid.
//!
//! A pid alone is no name: it is used again. With the start time (field 22 of `/proc/PID/stat`, clock ticks
//! since boot) and the boot's id it is.

use std::fs;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use warren_sys_process::stat::Stat;

/// A process, for as long as it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// In the pid namespace of whoever wrote it.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    pub start: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
}

impl Identity {
    /// That of a living process.
    #[must_use]
    pub fn of(pid: Pid) -> Option<Self> {
        let pid = pid.as_raw_nonzero().get();
        Some(Self {
            pid,
            start: Stat::of_running(pid)?.started,
            boot: boot(),
        })
    }

    /// Opens the process if it still is the same one; a zombie has ended.
    #[must_use]
    pub fn open(&self) -> Option<OwnedFd> {
        let process = pidfd_open(self.pid()?, PidfdFlags::empty()).ok()?;
        // Looked at after opening: what is open now is what had this start.
        let same = self.boot == boot()
            && Stat::of_running(self.pid).is_some_and(|now| now.started == self.start);
        same.then_some(process)
    }

    /// Whether it lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.open().is_some()
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }
}

/// The pid of a living process's parent.
#[must_use]
pub fn parent(pid: i32) -> Option<i32> {
    Some(Stat::of_running(pid)?.parent)
}

fn boot() -> String {
    // Where it cannot be read it is always the same, and decides nothing.
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim_end().to_owned())
        .unwrap_or_default()
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
        let identity = Identity::of(Pid::from_raw(pid).unwrap()).unwrap();
        assert!(identity.is_alive());
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(parent(pid), Some(own));
        child.kill().unwrap();
        // The zombie counts as ended as well as no process at all.
        let fd = pidfd_open(identity.pid().unwrap(), PidfdFlags::empty()).unwrap();
        let mut poll = [rustix::event::PollFd::new(
            &fd,
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut poll, None).unwrap();
        assert!(!identity.is_alive());
        assert_eq!(parent(pid), None);
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }

    #[test]
    fn another_process_of_the_same_pid_is_not_taken_for_it() {
        let identity = Identity::of(rustix::process::getpid()).unwrap();
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
