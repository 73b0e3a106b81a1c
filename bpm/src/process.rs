//! Processes that can be told from later ones of the same pid: by the time of their start.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

/// A process, for as long as it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// In the pid namespace of whoever wrote it.
    pub pid: i32,
    /// Clock ticks from boot to its start (field 22 of `/proc/PID/stat`).
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
            start: stat(pid)?.start,
            boot: boot(),
        })
    }

    /// Opens the process if it still is the same one; a zombie has ended.
    #[must_use]
    pub fn open(&self) -> Option<OwnedFd> {
        let process = pidfd_open(self.pid()?, PidfdFlags::empty()).ok()?;
        // Looked at after opening: what is open now is what had this start.
        let same = self.boot == boot() && stat(self.pid).is_some_and(|now| now.start == self.start);
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

/// Waits until a process has ended. Whether it has.
pub(crate) fn ended(process: &OwnedFd, limit: Duration) -> Result<bool, Errno> {
    let started = Instant::now();
    loop {
        let left = Timespec::try_from(limit.saturating_sub(started.elapsed())).ok();
        let mut polled = [PollFd::new(process, PollFlags::IN)];
        match poll(&mut polled, left.as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The living processes that descend from this one, as far as it still is their ancestor.
pub(crate) fn descendants(of: i32) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let known: Vec<(i32, i32)> = pids
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = known.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(pid, _)| *pid));
        next += 1;
    }
    found.drain(..1);
    found.into_iter().filter_map(Pid::from_raw).collect()
}

struct Stat {
    parent: i32,
    start: u64,
}

/// `None` if there is no such process, or if it is a zombie.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    // The name stands in parentheses and may hold anything; the state is field 3.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some(Stat { parent, start })
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
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let identity = Identity::of(pid).unwrap();
        let open = identity.open().unwrap();
        assert!(!ended(&open, Duration::ZERO).unwrap());
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(descendants(own).contains(&pid));
        let start = identity.start - 1;
        assert!(
            !Identity {
                start,
                ..identity.clone()
            }
            .is_alive()
        );
        child.kill().unwrap();
        assert!(ended(&open, Duration::from_secs(30)).unwrap());
        assert!(!identity.is_alive(), "a zombie has ended");
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }
}
