//! Finding a process by the id it has in a pid namespace further in, and seeing that one has ended.

use std::path::Path;

use warren_sys_process::namespaces::{self, Kind};

/// The process that has id `pid` in the pid namespace with this inode.
pub(crate) fn find(pid: u32, pid_namespace: u64) -> Option<u32> {
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let here: u32 = entry.file_name().to_str()?.parse().ok()?;
            let task = entry.path();
            (innermost_pid(&task)? == pid
                && namespaces::id(&task, Kind::Pid).ok()? == pid_namespace)
                .then_some(here)
        })
}

/// Whether the process of that id has ended, though nobody may have waited for it. One that was
/// killed has not while threads of it have yet to come back from the kernel: they hold open what it
/// had.
#[must_use]
pub fn has_ended(pid: &str) -> bool {
    let path = Path::new("/proc").join(pid.trim());
    let Ok(stat) = std::fs::read_to_string(path.join("stat")) else {
        return true;
    };
    let is_zombie = stat
        .rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
    let threads = std::fs::read_dir(path.join("task")).map_or(0, Iterator::count);
    is_zombie && threads <= 1
}

/// The last number of the `NSpid` line: the id in the process's own namespace.
fn innermost_pid(task: &Path) -> Option<u32> {
    let status = std::fs::read_to_string(task.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}
