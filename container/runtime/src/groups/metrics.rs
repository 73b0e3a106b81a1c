//! What a container uses, and which limits hold, in the words of either cgroup version.
//!
//! Memory is reported as Garden does: what counts towards the limit is everything but the file
//! pages that can be dropped at once,
//!
//! ```text
//! v2   file + anon + swapcached − inactive_file
//! v1   total_cache + total_rss + total_swapcached − total_inactive_file
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use warren_sys_cgroup::limits::Bound;
use warren_sys_cgroup::stats::FlatKeyed;
use warren_sys_cgroup::{Error, GroupSet, V1Group};

/// What is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// CPU time.
    pub cpu: Cpu,
    /// `memory.stat`, by the kernel's names; empty without the controller.
    pub memory: BTreeMap<String, u64>,
    /// Bytes that count towards the memory limit.
    pub memory_toward_limit: u64,
    /// Processes and threads now.
    pub pids: u64,
}

/// CPU time over all CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    /// In all.
    pub usage: Duration,
    /// In user mode.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

/// Limits in force; `None` is no limit, or no controller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InForce {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// v1: shares. v2: weight, in its own unit, as Garden answers it.
    pub cpu: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Reads what the groups have used.
///
/// # Errors
/// A group is gone, or a file has an unknown shape.
pub fn read(groups: &GroupSet) -> Result<Metrics, Error> {
    let (memory, memory_toward_limit) = memory(groups)?;
    let pids = match (with(groups, "pids"), &groups.v2) {
        (Some(v1), _) => number(&v1.read("pids.current")?),
        (None, Some(v2)) => v2.pids_current()?,
        (None, None) => None,
    };
    Ok(Metrics {
        cpu: cpu(groups)?,
        memory,
        memory_toward_limit,
        pids: pids.unwrap_or(0),
    })
}

/// Reads the limits in force.
///
/// # Errors
/// As [`read`].
pub fn limits(groups: &GroupSet) -> Result<InForce, Error> {
    let v1 = |controller: &str, file: &str| match with(groups, controller) {
        Some(group) => Ok(Some(number(&group.read(file)?))),
        None => Ok(None),
    };
    let v2 = |file: &str| match &groups.v2 {
        Some(group) => Ok::<_, Error>(match group.bound(file)? {
            Some(Bound::At(value)) => Some(value),
            Some(Bound::Unlimited) | None => None,
        }),
        None => Ok(None),
    };
    let either = |controller, v1_file, v2_file| match v1(controller, v1_file)? {
        Some(value) => Ok::<_, Error>(value),
        None => v2(v2_file),
    };
    let memory = either("memory", "memory.limit_in_bytes", "memory.max")?;
    Ok(InForce {
        memory: memory.filter(|bytes| *bytes < V1_UNLIMITED),
        cpu: either("cpu", "cpu.shares", "cpu.weight")?,
        pids: either("pids", "pids.max", "pids.max")?,
    })
}

/// v1 shows "no limit" as the greatest number of whole pages; what is near it is no limit either.
const V1_UNLIMITED: u64 = 1 << 62;

fn with<'a>(groups: &'a GroupSet, controller: &str) -> Option<&'a V1Group> {
    groups
        .v1
        .iter()
        .find(|group| group.has_controller(controller))
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Reads the CPU time alone.
///
/// # Errors
/// As [`read`].
pub fn cpu(groups: &GroupSet) -> Result<Cpu, Error> {
    if let Some(group) = with(groups, "cpuacct") {
        let nanoseconds = number(&group.read("cpuacct.usage")?).unwrap_or(0);
        let ticks = FlatKeyed::parse(&group.read("cpuacct.stat")?);
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let time = |key| Duration::from_millis(ticks.count(key).saturating_mul(1000) / per_second);
        return Ok(Cpu {
            usage: Duration::from_nanos(nanoseconds),
            user: time("user"),
            system: time("system"),
        });
    }
    let Some(group) = &groups.v2 else {
        return Ok(Cpu::default());
    };
    let stat = group.cpu_stat()?;
    Ok(Cpu {
        usage: stat.usage,
        user: stat.user,
        system: stat.system,
    })
}

fn memory(groups: &GroupSet) -> Result<(BTreeMap<String, u64>, u64), Error> {
    let (stat, names) = match (with(groups, "memory"), &groups.v2) {
        (Some(v1), _) => (
            Some(FlatKeyed::parse(&v1.read("memory.stat")?)),
            [
                "total_cache",
                "total_rss",
                "total_swapcached",
                "total_inactive_file",
            ],
        ),
        (None, Some(v2)) => (
            v2.memory_stat()?,
            ["file", "anon", "swapcached", "inactive_file"],
        ),
        (None, None) => (None, [""; 4]),
    };
    let Some(stat) = stat else {
        return Ok((BTreeMap::new(), 0));
    };
    let [file, anonymous, swapcached, inactive] = names.map(|name| stat.count(name));
    let used = file.saturating_add(anonymous).saturating_add(swapcached);
    let all = stat.iter().map(|(key, value)| (key.to_owned(), value));
    Ok((all.collect(), used.saturating_sub(inactive)))
}
