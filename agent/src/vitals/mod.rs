//! CPU, memory and disks of this VM.
//!
//! Of a VM that is a container its own are told, not its host's: memory and CPU time of its `group`,
//! its limits if it has any, else what the machine has, and the time since its pid 1 began. Where no
//! group can be seen, `/proc` is told. There is no load of a group; that of the machine is told, and no
//! waiting for disks.

mod group;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::statvfs;
use warren_sys_process::stat::Stat;
use warren_wire_agent::state::{CpuVitals, DiskVitals, MemoryVitals, Uptime, Vitals};

use crate::paths::Paths;
use group::{Cpu, Group, Memory, TICK};

/// Reads vitals; CPU shares are since the last reading.
pub struct Sampler {
    paths: Paths,
    last: Mutex<Option<Ticks>>,
}

/// CPU time since the beginning: ticks of a machine, microseconds of a group.
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

    /// Those of a group which has had so many thousandths of a CPU for so long.
    fn of_group(used: Cpu, thousandths: u64, lived: Duration) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            user: micros(used.user),
            sys: micros(used.system),
            wait: 0,
            all: micros(lived).saturating_mul(thousandths) / 1000,
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
        let (group, lived) = (Group::read(), lived(&read("/proc/uptime")));
        let now = match group.cpu {
            Some(used) => {
                let machine = cpus().saturating_mul(1000);
                let thousandths = used.quota.map_or(machine, |quota| quota.min(machine));
                Ticks::of_group(used, thousandths, lived)
            }
            None => Ticks::parse(&read("/proc/stat")),
        };
        let before = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.replace(now).unwrap_or_default()
        };
        let load = read("/proc/loadavg");
        let (mem, swap) = memory(&read("/proc/meminfo"), group.memory);
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
                secs: lived.as_secs(),
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

/// How long pid 1 has been there: that of a container began with it.
fn lived(uptime: &str) -> Duration {
    let first = uptime.split(' ').next().unwrap_or_default();
    let seconds = first.parse::<f64>().unwrap_or(0.0);
    let machine = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let ticks = Stat::of(1).map_or(0, |first| first.started);
    machine.saturating_sub(TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX)))
}

/// CPUs that we may run on.
fn cpus() -> u64 {
    let set = rustix::thread::sched_getaffinity(None).map(|set| u64::from(set.count()));
    set.unwrap_or(1).max(1)
}

fn memory(meminfo: &str, group: Option<Memory>) -> (MemoryVitals, MemoryVitals) {
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
    let swap_total = number("SwapTotal");
    let swap_used = swap_total.saturating_sub(number("SwapFree"));
    let Some(group) = group else {
        return (
            vitals(total.saturating_sub(free), total),
            vitals(swap_used, swap_total),
        );
    };
    // A limit above what there is is none.
    let least =
        |limit: Option<u64>, there: u64| limit.map_or(there, |limit| there.min(limit / 1024));
    (
        vitals(group.used / 1024, least(group.limit, total)),
        group.swap_used.map_or_else(
            || vitals(swap_used, swap_total),
            |used| vitals(used / 1024, least(group.swap_limit, swap_total)),
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cpu, Memory, Ticks, lived, memory, percent};

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
    fn a_container_is_told_of_its_own_cpu_time() {
        let used = |user: u64, system: u64| Cpu {
            user: Duration::from_secs(user),
            system: Duration::from_secs(system),
            quota: None,
        };
        // Ten seconds on two CPUs, then on half a one.
        let at = |used, thousandths, seconds| {
            Ticks::of_group(used, thousandths, Duration::from_secs(seconds))
        };
        let cpu = at(used(6, 2), 2000, 20).since(at(used(1, 1), 2000, 10));
        assert_eq!((&*cpu.user, &*cpu.sys, &*cpu.wait), ("25.0", "5.0", "0.0"));
        let cpu = at(used(6, 2), 500, 20).since(at(used(1, 2), 500, 10));
        assert_eq!((&*cpu.user, &*cpu.sys), ("100.0", "0.0"));
    }

    #[test]
    fn a_container_is_told_of_its_own_memory() {
        let meminfo = "MemTotal: 4096000 kB\nMemFree: 1024000 kB\nCached: 1024000 kB\n\
            SwapTotal: 2000 kB\nSwapFree: 1000 kB\n";
        let (mem, swap) = memory(meminfo, None);
        assert_eq!((&*mem.kb, &*mem.percent), ("2048000", "50"));
        assert_eq!((&*swap.kb, &*swap.percent), ("1000", "50"));
        let group = Memory {
            used: 256 << 20,
            limit: Some(1 << 30),
            ..Memory::default()
        };
        let (mem, _) = memory(meminfo, Some(group));
        assert_eq!((&*mem.kb, &*mem.percent), ("262144", "25"));
        // Without a limit, or with one that is above what there is, its part of the machine's.
        for limit in [None, Some(1 << 50)] {
            let group = Memory {
                limit,
                swap_used: Some(200 << 10),
                ..group
            };
            let (mem, swap) = memory(meminfo, Some(group));
            assert_eq!((&*mem.kb, &*mem.percent), ("262144", "6"));
            assert_eq!((&*swap.kb, &*swap.percent), ("200", "10"));
        }
    }

    #[test]
    fn the_time_since_pid_1_began() {
        let later = super::Stat::of(1).unwrap().started + 350;
        let uptime = format!("{}.{:02} 1.0", later / 100, later % 100);
        assert_eq!(lived(&uptime).as_millis(), 3500);
        assert_eq!(
            (lived(""), lived("junk 1")),
            (Duration::ZERO, Duration::ZERO)
        );
    }
}
