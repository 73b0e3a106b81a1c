//! CPU, memory and disks of this VM.
//!
//! Of a VM that is a container its own memory is told, not its host's: where one of the
//! groups above us has a limit, the tightest one and the use of its group are told. CPU and load are
//! the kernel's, since a share of a machine is what both tell.
//!
//! Where nothing can be seen, or has no limit, `/proc` is told.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::statvfs;
use warren_wire_agent::state::{CpuVitals, DiskVitals, MemoryVitals, Uptime, Vitals};

use crate::paths::Paths;

/// Reads vitals; CPU shares are since the last reading.
pub struct Sampler {
    paths: Paths,
    last: Mutex<Option<Ticks>>,
}

/// CPU time since boot, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ticks {
    user: u64,
    sys: u64,
    wait: u64,
    all: u64,
}

impl Ticks {
    fn parse(stat: &str) -> Self {
        let line = stat
            .lines()
            .find(|line| line.starts_with("cpu "))
            .unwrap_or_default();
        let numbers: Vec<u64> = line
            .split_ascii_whitespace()
            .skip(1)
            .map(|text| text.parse().unwrap_or(0))
            .collect();
        let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
        Self {
            user: at(0).saturating_add(at(1)),
            sys: at(2),
            wait: at(4),
            all: numbers
                .iter()
                .take(8)
                .fold(0, |all, one| all.saturating_add(*one)),
        }
    }

    fn since(self, before: Self) -> CpuVitals {
        let all = self.all.saturating_sub(before.all).max(1);
        let share = |now: u64, before: u64| tenths(now.saturating_sub(before), all);
        CpuVitals {
            user: share(self.user, before.user),
            sys: share(self.sys, before.sys),
            wait: share(self.wait, before.wait),
        }
    }
}

/// Percent with one decimal.
fn tenths(part: u64, whole: u64) -> String {
    let thousandth = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{}", thousandth / 10, thousandth % 10)
}

/// Percent without decimals.
fn percent(part: u64, whole: u64) -> String {
    let whole = u128::from(whole.max(1));
    ((u128::from(part) * 100 + whole / 2) / whole).to_string()
}

impl Sampler {
    /// For what is below a root.
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self {
            paths,
            last: Mutex::new(None),
        }
    }

    /// The vitals now.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let now = Ticks::parse(&read("/proc/stat"));
        let before = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.replace(now).unwrap_or_default()
        };
        let load = read("/proc/loadavg");
        let meminfo = read("/proc/meminfo");
        let uptime = read("/proc/uptime");
        let secs = uptime.split('.').next().and_then(|text| text.parse().ok());
        let (mem, swap) = memory(&meminfo, group_memory().as_ref());
        Vitals {
            cpu: now.since(before),
            disk: self.disks(),
            load: load
                .split_ascii_whitespace()
                .take(3)
                .map(str::to_owned)
                .collect(),
            mem,
            swap,
            uptime: Uptime {
                secs: secs.unwrap_or(0),
            },
        }
    }

    fn disks(&self) -> std::collections::BTreeMap<String, DiskVitals> {
        let places: [(&str, PathBuf); 3] = [
            ("system", self.paths.root().to_owned()),
            ("ephemeral", self.paths.data()),
            ("persistent", self.paths.store()),
        ];
        let is_there =
            |(name, path): &(&str, PathBuf)| *name == "system" || crate::disk::is_mount_point(path);
        let used = |(name, path): (&str, PathBuf)| Some((name.to_owned(), disk(&path)?));
        places
            .into_iter()
            .filter(is_there)
            .filter_map(used)
            .collect()
    }
}

fn disk(path: &Path) -> Option<DiskVitals> {
    let about = statvfs(path).ok()?;
    let used = about.f_blocks.saturating_sub(about.f_bfree);
    let inodes = about.f_files.saturating_sub(about.f_ffree);
    Some(DiskVitals {
        percent: percent(used, used.saturating_add(about.f_bavail)),
        inode_percent: percent(inodes, about.f_files),
    })
}

/// Memory of a group, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct GroupMemory {
    used: u64,
    limit: u64,
    swap_used: Option<u64>,
    swap_limit: Option<u64>,
}

fn memory(meminfo: &str, group: Option<&GroupMemory>) -> (MemoryVitals, MemoryVitals) {
    let number = |key: &str| {
        let line = meminfo
            .lines()
            .find(|line| line.split(':').next() == Some(key));
        let text = line.and_then(|line| line.split_ascii_whitespace().nth(1));
        text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
    };
    let vitals = |used: u64, all: u64| MemoryVitals {
        kb: used.to_string(),
        percent: percent(used, all),
    };
    let total = number("MemTotal");
    let free = number("MemFree") + number("Buffers") + number("Cached");
    let host_swap = (
        number("SwapTotal").saturating_sub(number("SwapFree")),
        number("SwapTotal"),
    );
    // A limit above what there is is none.
    let Some(group) = group.filter(|group| group.limit / 1024 < total) else {
        return (
            vitals(total.saturating_sub(free), total),
            vitals(host_swap.0, host_swap.1),
        );
    };
    let swap = match (group.swap_used, group.swap_limit) {
        (Some(used), Some(limit)) => (used / 1024, limit / 1024),
        _ => host_swap,
    };
    (
        vitals(group.used / 1024, group.limit / 1024),
        vitals(swap.0, swap.1),
    )
}

/// The group above us that limits us, where it can be seen.
fn group_memory() -> Option<GroupMemory> {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let places = candidates(&text);
    let limited = places
        .iter()
        .filter_map(|(directory, is_v2)| read_group(directory, *is_v2));
    // The tightest limit is the one that is felt; of equal ones the highest group's.
    limited.min_by_key(|group| group.limit)
}

/// Directories to look at, the highest first.
fn candidates(proc_cgroup: &str) -> Vec<(PathBuf, bool)> {
    let mut found = Vec::new();
    let mut add = |mount: &str, path: &str, is_v2: bool| {
        let mut directory = PathBuf::from(mount);
        found.push((directory.clone(), is_v2));
        for part in path
            .split('/')
            .filter(|part| !part.is_empty() && *part != "..")
        {
            directory.push(part);
            found.push((directory.clone(), is_v2));
        }
    };
    for line in proc_cgroup.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next(), fields.next(), fields.next().unwrap_or("/"));
        match controllers {
            Some("") => {
                add("/sys/fs/cgroup", path, true);
                add("/sys/fs/cgroup/unified", path, true);
            }
            Some(names) if names.split(',').any(|name| name == "memory") => {
                add("/sys/fs/cgroup/memory", path, false);
            }
            _ => {}
        }
    }
    found
}

fn read_group(directory: &Path, is_v2: bool) -> Option<GroupMemory> {
    let number = |file: &str| -> Option<u64> {
        let text = std::fs::read_to_string(directory.join(file)).ok()?;
        text.trim().parse().ok()
    };
    // What can be given back at once is not in use.
    let cache = |file: &str, key: &str| -> u64 {
        let text = std::fs::read_to_string(directory.join(file)).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        line.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    if is_v2 {
        let limit = number("memory.max")?;
        let used = number("memory.current")?.saturating_sub(cache("memory.stat", "inactive_file"));
        let (swap_used, swap_limit) = (number("memory.swap.current"), number("memory.swap.max"));
        Some(GroupMemory {
            used,
            limit,
            swap_used,
            swap_limit,
        })
    } else {
        let limit = number("memory.limit_in_bytes")?;
        // "No limit" is a number near the largest.
        let limit = (limit < 1 << 60).then_some(limit)?;
        let used = number("memory.usage_in_bytes")?;
        let used = used.saturating_sub(cache("memory.stat", "total_inactive_file"));
        Some(GroupMemory {
            used,
            limit,
            swap_used: None,
            swap_limit: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{GroupMemory, Ticks, candidates, memory, percent, read_group};

    #[test]
    fn shares_of_cpu() {
        let before = Ticks::parse("cpu  100 0 50 800 50 0 0 0 0 0\n");
        let now = Ticks::parse("cpu  110 0 70 1000 70 0 0 0 0 0\n");
        let cpu = now.since(before);
        assert_eq!((&*cpu.user, &*cpu.sys, &*cpu.wait), ("4.0", "8.0", "8.0"));
        assert_eq!(Ticks::parse("junk"), Ticks::default());
        assert_eq!(percent(1, 0), "100");
    }

    #[test]
    fn a_container_is_told_of_its_own_memory() {
        let meminfo = "MemTotal: 4096000 kB\nMemFree: 1024000 kB\nCached: 1024000 kB\n";
        let (mem, _) = memory(meminfo, None);
        assert_eq!((&*mem.kb, &*mem.percent), ("2048000", "50"));
        let group = GroupMemory {
            used: 256 << 20,
            limit: 1 << 30,
            ..GroupMemory::default()
        };
        let (mem, _) = memory(meminfo, Some(&group));
        assert_eq!((&*mem.kb, &*mem.percent), ("262144", "25"));
        let larger = GroupMemory {
            limit: 1 << 50,
            ..group
        };
        assert_eq!(memory(meminfo, Some(&larger)).0.percent, "50");
    }

    #[test]
    fn groups_of_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        assert_eq!(read_group(directory.path(), true), None);
        write("memory.max", "max\n");
        write("memory.current", "500\n");
        assert_eq!(read_group(directory.path(), true), None);
        write("memory.max", "1000\n");
        write("memory.stat", "anon 1\ninactive_file 100\n");
        assert_eq!(read_group(directory.path(), true).unwrap().used, 400);
        write("memory.limit_in_bytes", "9223372036854771712\n");
        write("memory.usage_in_bytes", "7\n");
        assert_eq!(read_group(directory.path(), false), None);
        write("memory.limit_in_bytes", "70\n");
        assert_eq!(read_group(directory.path(), false).unwrap().limit, 70);
        let highest = candidates("5:cpu,memory:/a/b\n0::/a\n");
        assert_eq!(highest[0].0.to_str().unwrap(), "/sys/fs/cgroup/memory");
        assert_eq!(highest[2].0.to_str().unwrap(), "/sys/fs/cgroup/memory/a/b");
    }
}
