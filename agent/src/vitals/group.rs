//! The control group that this VM is, and what it uses.
//!
//! | pid 1, in our cgroup namespace | the VM's group |
//! |---|---|
//! | somewhere below the root: the namespace is that of a container around us, or of the machine | its own |
//! | at the root of a namespace that somebody made, or out of its sight | the root |
//! | at the root of the first one | none: the VM is the machine |
//!
//! A leaf that pid 1 made for itself counts as the group above.
//!
//! The limits may be those of a group above, which cannot be seen from inside. Of memory, cgroup v1
//! tells the tightest of them all (`hierarchical_memory_limit`), v2 only what is seen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fd::{AsFd, AsRawFd};
use warren_sys_cgroup::locate::{Located, locate_path};
use warren_sys_cgroup::stats::FlatKeyed;
use warren_sys_cgroup::{Layout, Namespace, NsPath, ProcessCgroups};

/// Groups that an init or the agent makes below the VM's own.
const LEAVES: [&str; 3] = ["init", "init.scope", "warren-agent"];
/// The kernel's tick in `/proc` and in cgroup v1: a hundredth of a second, on every architecture.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Memory of a group, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Memory {
    /// In use, without what could be given back at once.
    pub used: u64,
    /// The tightest limit that can be seen.
    pub limit: Option<u64>,
    /// Swap in use, where it is counted.
    pub swap_used: Option<u64>,
    /// The most that may be in use.
    pub swap_limit: Option<u64>,
}

/// CPU time of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cpu {
    /// Used by programs.
    pub user: Duration,
    /// Used by the kernel for them.
    pub system: Duration,
    /// Thousandths of a CPU that may be used at once, if that is limited.
    pub quota: Option<u64>,
}

/// What the group uses, as far as that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Group {
    /// Memory.
    pub memory: Option<Memory>,
    /// CPU time.
    pub cpu: Option<Cpu>,
}

impl Group {
    /// That of this VM; nothing of one that is a machine.
    pub(super) fn read() -> Self {
        let Ok(layout) = Layout::discover() else {
            return Self::default();
        };
        let (v2, v1_memory) = (v2(), v1(&layout, "memory"));
        let directory = v2.as_ref().map(directory);
        let of_v2 = || {
            let mut memory = memory_of_v2(directory.as_deref()?)?;
            memory.limit = memory.limit.into_iter().chain(above(v2.as_ref()?)).min();
            Some(memory)
        };
        // Those of v2 are exact and there without its controller; v1 counts ticks.
        let accounts = directory.as_deref().and_then(cpu_of_v2);
        let accounts = accounts.or_else(|| cpu_of_v1(&v1(&layout, "cpuacct")?));
        let quota = || quota_of_v1(&v1(&layout, "cpu")?);
        Self {
            memory: v1_memory.as_deref().and_then(memory_of_v1).or_else(of_v2),
            cpu: accounts.map(|accounts| Cpu {
                quota: accounts.quota.or_else(quota),
                ..accounts
            }),
        }
    }
}

/// The VM's group, out of pid 1's.
fn own(of_init: &NsPath, is_first_namespace: bool) -> Option<NsPath> {
    let mut path = match of_init.is_outside() {
        true => NsPath::default(),
        false => of_init.clone(),
    };
    let last = path.names.last();
    if last.is_some_and(|name| LEAVES.iter().any(|leaf| name == leaf)) {
        path.names.pop();
    }
    (!path.is_root() || !is_first_namespace).then_some(path)
}

fn is_first_namespace() -> bool {
    // Where that cannot be told, the machine's numbers are.
    Namespace::own().map_or(true, |namespace| namespace.initial)
}

fn of_init() -> Option<ProcessCgroups> {
    ProcessCgroups::read(PathBuf::from("/proc/1/cgroup")).ok()
}

fn v2() -> Option<Located> {
    let path = own(&of_init()?.v2()?.path, is_first_namespace())?;
    let found = locate_path(&path).ok()?;
    // A container may be in groups of v1 alone: in v2 it is with all the rest of the machine then.
    let is_machine = found.group.is_real_root().unwrap_or(true);
    (!is_machine).then_some(found)
}

fn v1(layout: &Layout, controller: &str) -> Option<PathBuf> {
    let mount = &layout.v1(controller)?.mount;
    let path = own(&of_init()?.v1(controller)?.path, is_first_namespace())?;
    Some(mount.mount_point.join(path.relative_to(&mount.root).ok()?))
}

/// A group's directory, wherever it is mounted, for as long as the group is held.
fn directory(group: &Located) -> PathBuf {
    let number = group.group.as_fd().as_raw_fd();
    PathBuf::from(format!("/proc/self/fd/{number}"))
}

/// Limits of memory of the groups above.
fn above(group: &Located) -> Vec<u64> {
    let (mut path, mut limits) = (group.path.clone(), Vec::new());
    while path.names.pop().is_some() {
        let Ok(found) = locate_path(&path) else { break };
        limits.extend(number(&directory(&found), "memory.max"));
    }
    limits
}

fn text(directory: &Path, file: &str) -> Option<String> {
    std::fs::read_to_string(directory.join(file)).ok()
}

/// A file that is one number; none if it is a word, such as `max`.
fn number(directory: &Path, file: &str) -> Option<u64> {
    text(directory, file)?.trim().parse().ok()
}

fn keys(directory: &Path, file: &str) -> FlatKeyed {
    FlatKeyed::parse(&text(directory, file).unwrap_or_default())
}

fn memory_of_v2(directory: &Path) -> Option<Memory> {
    let cache = keys(directory, "memory.stat").count("inactive_file");
    Some(Memory {
        used: number(directory, "memory.current")?.saturating_sub(cache),
        limit: number(directory, "memory.max"),
        swap_used: number(directory, "memory.swap.current"),
        swap_limit: number(directory, "memory.swap.max"),
    })
}

fn memory_of_v1(directory: &Path) -> Option<Memory> {
    let used = number(directory, "memory.usage_in_bytes")?;
    let stat = keys(directory, "memory.stat");
    // "No limit" is a number near the largest.
    let limit = |key: &str| stat.get(key).filter(|limit| *limit < 1 << 60);
    let (memory, both) = (
        limit("hierarchical_memory_limit"),
        limit("hierarchical_memsw_limit"),
    );
    Some(Memory {
        used: used.saturating_sub(stat.count("total_inactive_file")),
        limit: memory,
        swap_used: stat.get("total_swap"),
        swap_limit: both
            .zip(memory)
            .map(|(both, memory)| both.saturating_sub(memory)),
    })
}

fn cpu_of_v2(directory: &Path) -> Option<Cpu> {
    let stat = keys(directory, "cpu.stat");
    let quota = || {
        let text = text(directory, "cpu.max")?;
        let (most, period) = text.trim().split_once(' ')?;
        thousandths(most.parse().ok()?, period.parse().ok()?)
    };
    Some(Cpu {
        user: Duration::from_micros(stat.get("user_usec")?),
        system: Duration::from_micros(stat.count("system_usec")),
        quota: quota(),
    })
}

fn cpu_of_v1(directory: &Path) -> Option<Cpu> {
    let stat = keys(directory, "cpuacct.stat");
    let time = |ticks: u64| TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
    Some(Cpu {
        user: time(stat.get("user")?),
        system: time(stat.count("system")),
        quota: None,
    })
}

fn quota_of_v1(directory: &Path) -> Option<u64> {
    // -1 is no limit.
    let most = number(directory, "cpu.cfs_quota_us")?;
    thousandths(most, number(directory, "cpu.cfs_period_us")?)
}

fn thousandths(most: u64, period: u64) -> Option<u64> {
    most.checked_mul(1000)?
        .checked_div(period)
        .filter(|thousandths| *thousandths > 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use warren_sys_cgroup::NsPath;

    use super::{Cpu, Memory, cpu_of_v1, cpu_of_v2, memory_of_v1, memory_of_v2, own, quota_of_v1};

    #[test]
    fn the_group_of_the_vm() {
        let path = |text: &str| NsPath::parse(text.as_bytes()).unwrap();
        for (of_init, in_first, in_another) in [
            ("/", None, Some("/")),
            ("/init", None, Some("/")),
            ("/init.scope", None, Some("/")),
            (
                "/garden/vm-1/init",
                Some("/garden/vm-1"),
                Some("/garden/vm-1"),
            ),
            ("/docker/abc", Some("/docker/abc"), Some("/docker/abc")),
            ("/../../other", None, Some("/")),
        ] {
            let of_init = path(of_init);
            assert_eq!(own(&of_init, true), in_first.map(path), "{of_init}");
            assert_eq!(own(&of_init, false), in_another.map(path), "{of_init}");
        }
    }

    #[test]
    fn groups_of_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
        assert_eq!((memory_of_v2(at), memory_of_v1(at)), (None, None));
        assert_eq!((cpu_of_v2(at), cpu_of_v1(at)), (None, None));
        write("memory.current", "500\n");
        write("memory.max", "max\n");
        let unlimited = Memory {
            used: 500,
            ..Memory::default()
        };
        assert_eq!(memory_of_v2(at), Some(unlimited));
        write("memory.max", "1000\n");
        write("memory.stat", "anon 1\ninactive_file 100\n");
        let memory = memory_of_v2(at).unwrap();
        assert_eq!((memory.used, memory.limit), (400, Some(1000)));
        write("cpu.stat", "usage_usec 9\nuser_usec 7\nsystem_usec 2\n");
        let used = Cpu {
            user: Duration::from_micros(7),
            system: Duration::from_micros(2),
            quota: None,
        };
        assert_eq!(cpu_of_v2(at), Some(used));
        for (text, quota) in [("max 100000", None), ("150000 100000", Some(1500))] {
            write("cpu.max", text);
            assert_eq!(cpu_of_v2(at).unwrap().quota, quota, "{text}");
        }
        write("memory.usage_in_bytes", "700\n");
        write(
            "memory.stat",
            "hierarchical_memory_limit 9223372036854771712\n",
        );
        assert_eq!(memory_of_v1(at).unwrap().limit, None);
        let stat = "hierarchical_memory_limit 1000\nhierarchical_memsw_limit 1500\n\
            total_inactive_file 300\ntotal_swap 20\n";
        write("memory.stat", stat);
        let all = Memory {
            used: 400,
            limit: Some(1000),
            swap_used: Some(20),
            swap_limit: Some(500),
        };
        assert_eq!(memory_of_v1(at), Some(all));
        write("cpuacct.stat", "user 150\nsystem 3\n");
        let used = cpu_of_v1(at).unwrap();
        assert_eq!(
            (used.user, used.system),
            (Duration::from_millis(1500), Duration::from_millis(30))
        );
        for (text, quota) in [("-1", None), ("0", None), ("50000", Some(500))] {
            write("cpu.cfs_quota_us", text);
            write("cpu.cfs_period_us", "100000\n");
            assert_eq!(quota_of_v1(at), quota, "{text}");
        }
    }
}
