//! The machine's cgroup2 tree, and directories in it.
//!
//! On a host with cgroup2 alone it is mounted at `/sys/fs/cgroup`; on a hybrid
//! one at `/sys/fs/cgroup/unified`, with nearly no controllers but with all that
//! sockets and device programs need.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::mountinfo;

/// Where cgroup2 is mounted.
///
/// # Panics
/// If it is not.
#[track_caller]
pub fn root() -> PathBuf {
    match mountinfo::read() {
        Ok(mounts) => match mounts.into_iter().find(|mount| mount.kind == "cgroup2") {
            Some(mount) => mount.point,
            None => panic!("cgroup2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup"),
        },
        Err(error) => panic!("cannot read mountinfo: {error}"),
    }
}

/// The names of the cgroups at any depth below `directory`, relative to it.
pub fn below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        // One that vanished meanwhile has nothing below it.
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(entry.path().strip_prefix(directory).map(Path::to_owned));
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// The processes in this cgroup, without those further below.
///
/// # Errors
/// As reading `cgroup.procs` does.
pub fn processes(directory: &Path) -> io::Result<Vec<Pid>> {
    let text = fs::read_to_string(directory.join("cgroup.procs"))?;
    // A process of an outer pid namespace reads as 0.
    Ok(text
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
        .collect())
}

/// Removes the cgroup with all below it, killing what still runs there.
///
/// # Errors
/// The last refusal, if it is still there after a minute: a process that was killed while it writes to a
/// slow disk takes that long.
pub fn remove(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut all = below(directory);
        all.reverse();
        let mut last = Ok(());
        for path in all
            .iter()
            .map(|path| directory.join(path))
            .chain([directory.to_owned()])
        {
            for pid in processes(&path).unwrap_or_default() {
                match kill_process(pid, Signal::KILL) {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(errno) => last = Err(errno.into()),
                }
            }
            match fs::remove_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => last = Err(error),
            }
        }
        if last.is_ok() || Instant::now() > deadline {
            return last;
        }
        // A killed process leaves its cgroup only when it has been torn down.
        std::thread::sleep(Duration::from_millis(2));
    }
}
