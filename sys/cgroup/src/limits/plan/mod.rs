//! From wanted limits to writes. Pure: no file is touched here.

mod io;
mod memory;

use super::convert::{
    SHARES_MAX, SHARES_MIN, WEIGHT_MAX, WEIGHT_MIN, shares_from_weight, weight_from_shares,
};
use super::{Bound, CpuQuota, CpuShare, Limits, Memory};

/// Which kind of hierarchy has a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// cgroup v1.
    V1,
    /// cgroup v2.
    V2,
}

/// One write to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Controller whose hierarchy has the file (v2 name; v1 calls `io` `blkio`).
    pub controller: &'static str,
    /// Which version's file it is.
    pub version: Version,
    /// File name.
    pub file: &'static str,
    /// Text to write.
    pub value: String,
    /// How to tell from the file whether it took effect.
    pub check: Check,
    /// What to do instead if the file does not exist.
    pub otherwise: Option<Box<Write>>,
}

/// How a value reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The same text.
    Same,
    /// A number of bytes, which the kernel rounds down to pages; a huge number is "no limit".
    Bytes(Bound),
    /// The same set of numbers in list notation.
    List,
    /// A line that starts with the same device and has the same `key=value`s, in any order; a
    /// device without a line has no limit.
    Device,
    /// `default N` among lines for devices, or just `N`.
    Weight,
    /// Not checked: the step only makes room for a later one that is.
    Intermediate,
}

/// What the group has now, where the order of writes depends on it. v1 keeps
/// `limit_in_bytes` ≤ `memsw.limit_in_bytes` at every moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// `memory.limit_in_bytes` of a v1 group.
    pub memory: Bound,
    /// `memory.memsw.limit_in_bytes` of a v1 group; `None` without swap accounting.
    pub memory_and_swap: Option<Bound>,
}

impl Default for Now {
    /// A new group.
    fn default() -> Self {
        Self {
            memory: Bound::Unlimited,
            memory_and_swap: Some(Bound::Unlimited),
        }
    }
}

/// A limit that cannot be expressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The value is outside what the kernel accepts.
    #[error("{what} {value} is not between {min} and {max}")]
    OutOfRange {
        /// Which limit.
        what: &'static str,
        /// The value.
        value: u64,
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// v1 has nothing like it.
    #[error("{0} needs cgroup v2, and the controller is in a v1 hierarchy here")]
    NoV1Equivalent(&'static str),
    /// v1 limits memory and swap together, so swap needs a memory limit to be added to.
    #[error("a swap limit on cgroup v1 needs a memory limit")]
    SwapNeedsMemory,
    /// The kernel does not account swap (v1: booted with `swapaccount=0`).
    #[error("the kernel does not account swap here, so it cannot be limited")]
    NoSwapAccounting,
    /// A CPU or node list has a character that does not belong there.
    #[error("{0:?} is not a list of numbers like 0-2,5")]
    BadList(String),
}

/// The controllers that these limits need, by their v2 names.
#[must_use]
pub fn controllers(limits: &Limits) -> Vec<&'static str> {
    let needs = [
        (limits.memory != Memory::default(), "memory"),
        (
            limits.cpu.share.is_some() || limits.cpu.quota.is_some(),
            "cpu",
        ),
        (limits.pids.is_some(), "pids"),
        (
            limits.io.weight.is_some() || !limits.io.max.is_empty(),
            "io",
        ),
        (
            limits.cpuset.cpus.is_some() || limits.cpuset.mems.is_some(),
            "cpuset",
        ),
    ];
    needs
        .into_iter()
        .filter_map(|(needed, name)| needed.then_some(name))
        .collect()
}

/// The writes for the limits of one controller (see [`controllers`]) in a hierarchy of this
/// version, in the order in which to make them.
///
/// # Errors
/// A value out of range, or one that the version cannot express.
pub fn plan(
    limits: &Limits,
    controller: &str,
    version: Version,
    now: Now,
) -> Result<Vec<Write>, PlanError> {
    match (controller, version) {
        ("memory", Version::V2) => Ok(memory::v2(&limits.memory)),
        ("memory", Version::V1) => memory::v1(&limits.memory, now),
        ("cpu", _) => cpu(limits, version),
        ("pids", _) => Ok(pids(limits, version)),
        ("io", _) => io::writes(&limits.io, version),
        ("cpuset", _) => cpuset(limits, version),
        _ => Ok(Vec::new()),
    }
}

fn write(
    controller: &'static str,
    version: Version,
    file: &'static str,
    value: impl ToString,
    check: Check,
) -> Write {
    Write {
        controller,
        version,
        file,
        value: value.to_string(),
        check,
        otherwise: None,
    }
}

fn v1_bound(bound: Bound) -> String {
    match bound {
        Bound::Unlimited => "-1".to_owned(),
        Bound::At(n) => n.to_string(),
    }
}

fn cpu(limits: &Limits, version: Version) -> Result<Vec<Write>, PlanError> {
    let mut writes = Vec::new();
    if let Some(share) = limits.cpu.share {
        match share {
            CpuShare::Weight(w) => in_range("CPU weight", w, WEIGHT_MIN, WEIGHT_MAX)?,
            CpuShare::Shares(s) => in_range("CPU shares", s, SHARES_MIN, SHARES_MAX)?,
        }
        writes.push(match (version, share) {
            (Version::V2, CpuShare::Weight(w)) => {
                write("cpu", version, "cpu.weight", w, Check::Same)
            }
            (Version::V2, CpuShare::Shares(s)) => write(
                "cpu",
                version,
                "cpu.weight",
                weight_from_shares(s),
                Check::Same,
            ),
            (Version::V1, CpuShare::Weight(w)) => write(
                "cpu",
                version,
                "cpu.shares",
                shares_from_weight(w),
                Check::Same,
            ),
            (Version::V1, CpuShare::Shares(s)) => {
                write("cpu", version, "cpu.shares", s, Check::Same)
            }
        });
    }
    if let Some(CpuQuota {
        quota_us,
        period_us,
    }) = limits.cpu.quota
    {
        in_range("CPU period", period_us, 1_000, 1_000_000)?;
        if let Bound::At(quota) = quota_us {
            in_range("CPU quota", quota, 1_000, u64::MAX / 1_000)?;
        }
        let quota = v1_bound(quota_us);
        match version {
            Version::V2 => {
                let value = format!("{quota_us} {period_us}");
                writes.push(write("cpu", version, "cpu.max", value, Check::Same));
            }
            // The old quota with the new period may exceed the parent's share, so it is lifted for
            // the moment between.
            Version::V1 => writes.extend([
                write(
                    "cpu",
                    version,
                    "cpu.cfs_quota_us",
                    "-1",
                    Check::Intermediate,
                ),
                write("cpu", version, "cpu.cfs_period_us", period_us, Check::Same),
                write("cpu", version, "cpu.cfs_quota_us", quota, Check::Same),
            ]),
        }
    }
    Ok(writes)
}

fn pids(limits: &Limits, version: Version) -> Vec<Write> {
    let bound = limits.pids.iter();
    bound
        .map(|b| write("pids", version, "pids.max", b, Check::Same))
        .collect()
}

fn cpuset(limits: &Limits, version: Version) -> Result<Vec<Write>, PlanError> {
    let lists = [
        ("cpuset.cpus", &limits.cpuset.cpus),
        ("cpuset.mems", &limits.cpuset.mems),
    ];
    let mut writes = Vec::new();
    for (file, list) in lists {
        let Some(list) = list else { continue };
        if parse_list(list).is_none() {
            return Err(PlanError::BadList(list.clone()));
        }
        writes.push(write("cpuset", version, file, list, Check::List));
    }
    Ok(writes)
}

fn in_range(what: &'static str, value: u64, min: u64, max: u64) -> Result<(), PlanError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(PlanError::OutOfRange {
            what,
            value,
            min,
            max,
        })
    }
}

/// The kernel's list notation (`0-2,5`) as sorted, merged ranges. `None` if it is not one.
pub(crate) fn parse_list(text: &str) -> Option<Vec<(u32, u32)>> {
    let mut ranges = Vec::new();
    for part in text.trim().split(',').filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last {
            return None;
        }
        ranges.push((first, last));
    }
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    Some(merged)
}
