//! Processes on their way out: the end of one, and all that descend from it.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use warren_container_runtime::identity::parent;

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
    let known: Vec<(i32, i32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        let children = known.iter().filter(|(_, of)| *of == above);
        found.extend(children.map(|(pid, _)| *pid));
        next += 1;
    }
    found.drain(..1);
    found.into_iter().filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use warren_container_runtime::identity::Identity;

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
