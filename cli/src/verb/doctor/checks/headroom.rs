//! How much room there is for containers: memory and processes.

use std::path::Path;

use warren_lib_errchain::chain;
use warren_sys_cgroup::{GroupSet, Process};

use super::{Facts, Finding};

/// Less than this is little, for one container of the usual kind.
const LITTLE_MEMORY: u64 = 256 << 20;
const FEW_PROCESSES: u64 = 512;

/// What is left below the limits that hold for us, at any group above that we can see, and of the
/// machine.
pub fn left_for_containers(_: &Facts) -> Finding {
    let machine = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let processes = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap_or_default();
    let groups = match GroupSet::of(Process::Myself) {
        Ok(groups) => groups,
        Err(error) => return Finding::unknown(chain(&error), "see cgroup-mount"),
    };
    let below = |controller: &str, v1: (&str, &str), v2: (&str, &str)| {
        let group = groups.v1.iter().find(|g| g.has_controller(controller));
        match (group, &groups.v2) {
            (Some(group), _) => left(group.path(), v1),
            (None, Some(group)) => left(group.path(), v2),
            (None, None) => None,
        }
    };
    let v1 = ("memory.limit_in_bytes", "memory.usage_in_bytes");
    let pids = ("pids.max", "pids.current");
    let left = Left {
        available: available(&machine),
        memory: below("memory", v1, ("memory.max", "memory.current")),
        pids: below("pids", pids, pids),
        machine_pids: processes.trim().parse().ok(),
    };
    judge_headroom(&left)
}

/// The least of what is left below the limits of the group at `path` and of those above it, as far
/// as they can be seen; `None` if none has a limit.
fn left(path: &Path, (limit, used): (&str, &str)) -> Option<u64> {
    let groups = path
        .ancestors()
        .take_while(|group| group.join("cgroup.procs").exists());
    let read = |group: &Path, file: &str| -> Option<u64> {
        let text = std::fs::read_to_string(group.join(file)).ok()?;
        text.trim().parse().ok()
    };
    groups
        .filter_map(|group| {
            let limit = read(group, limit).filter(|limit| *limit < V1_UNLIMITED)?;
            Some(limit.saturating_sub(read(group, used)?))
        })
        .min()
}

/// v1 shows "no limit" of memory as the greatest number of whole pages.
const V1_UNLIMITED: u64 = 1 << 62;

#[derive(Default)]
struct Left {
    /// Bytes that the machine has without swapping.
    available: Option<u64>,
    /// Bytes below our group's limit.
    memory: Option<u64>,
    /// Processes below our group's limit.
    pids: Option<u64>,
    /// Process ids of the pid namespace.
    machine_pids: Option<u64>,
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn judge_headroom(left: &Left) -> Finding {
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let memory = left.available.into_iter().chain(left.memory).min();
    let pids = left.machine_pids.into_iter().chain(left.pids).min();
    let (Some(memory), Some(pids)) = (memory, pids) else {
        return Finding::unknown("/proc tells neither memory nor pids", "mount /proc");
    };
    let own = |limit: Option<String>| limit.unwrap_or_else(|| "no limit".to_owned());
    let lines = [
        format!(
            "memory: {} on the machine, our groups: {}",
            own(left.available.map(mib)),
            own(left.memory.map(mib))
        ),
        format!(
            "processes: {} ids, our groups: {}",
            own(left.machine_pids.map(|n| n.to_string())),
            own(left.pids.map(|n| n.to_string()))
        ),
    ];
    let [first, second] = lines;
    if memory < LITTLE_MEMORY || pids < FEW_PROCESSES {
        return Finding::warn(
            first,
            "raise the outer container's limits (docker: --memory, --pids-limit), or the machine's",
        )
        .and(second);
    }
    Finding::pass(first).and(second)
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn the_least_that_any_group_above_leaves_counts() {
        let tree = tempfile::tempdir().unwrap();
        let group = tree.path().join("a/b");
        std::fs::create_dir_all(&group).unwrap();
        let write = |path: &Path, limit: &str, used: &str| {
            for (name, text) in [
                ("cgroup.procs", ""),
                ("pids.max", limit),
                ("pids.current", used),
            ] {
                std::fs::write(path.join(name), text).unwrap();
            }
        };
        let of = || left(&group, ("pids.max", "pids.current"));
        write(&group, "max\n", "3\n");
        assert_eq!(of(), None);
        write(&tree.path().join("a"), "10\n", "4\n");
        assert_eq!(of(), Some(6));
        write(&group, "2\n", "3\n");
        assert_eq!(of(), Some(0));
    }

    #[test]
    fn the_least_of_machine_and_group_counts() {
        let left = |memory, pids| Left {
            available: Some(8 << 30),
            machine_pids: Some(32_768),
            memory,
            pids,
        };
        assert_eq!(judge_headroom(&left(None, None)).status, Status::Pass);
        assert_eq!(
            judge_headroom(&left(Some(64 << 20), None)).status,
            Status::Warn
        );
        assert_eq!(judge_headroom(&left(None, Some(20))).status, Status::Warn);
        assert_eq!(judge_headroom(&Left::default()).status, Status::Unknown);
        assert_eq!(available("a\nMemAvailable:    2048 kB\n"), Some(2 << 20));
    }
}
