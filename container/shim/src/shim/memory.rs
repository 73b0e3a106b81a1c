//! Hearing of processes that are killed for memory.
//!
//! In v1 the kernel tells the group whose limit is reached and all below it, but counts a kill only
//! in the group that the killed process was in, which may be one that a manager inside has made. So
//! the group of the container's processes is listened at, and those below it are counted as well.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use warren_container_runtime::groups::make::INIT;
use warren_sys_cgroup::{Error, GroupSet, OomWatcher, V1Group};

/// A watch on a container's groups. As a descriptor it is readable when there may be kills.
#[derive(Debug)]
pub(super) struct Memory {
    watcher: OomWatcher,
    below: Option<Below>,
}

/// Groups in which the kernel counts by itself.
#[derive(Debug)]
struct Below {
    group: V1Group,
    seen: u64,
}

impl Memory {
    /// Watches v1 groups. `None` if none of them has the memory controller.
    pub fn v1(outer: &GroupSet) -> Result<Option<Self>, Error> {
        let has_memory = |group: &&V1Group| group.has_controller("memory");
        let Some(group) = outer.v1.iter().find(has_memory) else {
            return Ok(None);
        };
        let group = group.child(INIT)?;
        Ok(Some(Self {
            watcher: OomWatcher::v1(&group)?,
            below: Some(Below {
                seen: count_below(&group)?,
                group,
            }),
        }))
    }

    /// Watches by a watcher that counts all there is, as in v2.
    pub fn of(watcher: OomWatcher) -> Self {
        Self {
            watcher,
            below: None,
        }
    }

    /// How many processes were killed since the last call.
    pub fn kills(&mut self) -> Result<u64, Error> {
        let mut kills = self.watcher.kills()?;
        if let Some(below) = &mut self.below {
            // What cannot be counted now is still there to be counted at the next kill.
            if let Ok(now) = count_below(&below.group) {
                kills += now.saturating_sub(below.seen);
                below.seen = now;
            }
        }
        Ok(kills)
    }

    /// When to look again, though the descriptor may not become readable.
    pub fn again(&self) -> Option<Instant> {
        self.watcher.again()
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watcher.as_fd()
    }
}

/// The kills in all groups below one. Those that are being removed count nothing.
fn count_below(group: &V1Group) -> Result<u64, Error> {
    let mut kills = 0;
    let counted = group.read_below("memory.oom_control", |text| {
        let told = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        let told = told.and_then(|number| number.trim().parse::<u64>().ok());
        kills += told.unwrap_or(0);
    });
    match counted {
        Err(e) if !e.is_gone() => Err(e),
        _ => Ok(kills),
    }
}
