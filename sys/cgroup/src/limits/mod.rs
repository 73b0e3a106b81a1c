//! Resource limits, in one vocabulary for v1 and v2.
//!
//! [`Limits`] says what is wanted. [`plan()`] turns it into writes, each for the hierarchy that has
//! the controller. [`apply()`] makes them, one by one, and reads each back: the kernel rounds some
//! values, and in the wrong place swallows others. No limit is lost in silence: either it is in
//! the answer as applied, with the value in force, or the answer is an error that names it.
//!
//! | limit | v2 | v1 |
//! |---|---|---|
//! | memory max | `memory.max` | `memory.limit_in_bytes` |
//! | memory high, min | `memory.high`, `memory.min` | none |
//! | memory low | `memory.low` | `memory.soft_limit_in_bytes` (nearest) |
//! | swap | `memory.swap.max` | `memory.memsw.limit_in_bytes` = memory + swap |
//! | CPU share | `cpu.weight` | `cpu.shares` |
//! | CPU quota | `cpu.max` | `cpu.cfs_period_us`, `cpu.cfs_quota_us` |
//! | processes | `pids.max` | `pids.max` |
//! | I/O weight | `io.weight`, else `io.bfq.weight` | `blkio.weight`, else `blkio.bfq.weight` |
//! | I/O per device | `io.max` | `blkio.throttle.*_device` |
//! | CPUs, nodes | `cpuset.cpus`, `cpuset.mems` | the same |

pub mod apply;
pub mod convert;
pub mod plan;
#[cfg(test)]
mod tests;

use std::fmt;

pub use apply::{Applied, ApplyError, Failure, Fidelity, LimitError, Targets, apply};
pub use plan::{PlanError, Version, Write, plan};

/// What a group may use. Absent fields are left as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory and swap.
    pub memory: Memory,
    /// CPU time.
    pub cpu: Cpu,
    /// Number of processes and threads.
    pub pids: Option<Bound>,
    /// Block devices.
    pub io: Io,
    /// Which CPUs and memory nodes.
    pub cpuset: Cpuset,
}

/// A limit or its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// No limit.
    Unlimited,
    /// This much, in the limit's unit.
    At(u64),
}

impl fmt::Display for Bound {
    /// As v2 files have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("max"),
            Self::At(n) => n.fmt(f),
        }
    }
}

/// Memory limits, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Beyond this the OOM killer acts.
    pub max: Option<Bound>,
    /// Beyond this allocations are throttled; v2 only.
    pub high: Option<Bound>,
    /// Best-effort protection from reclaim.
    pub low: Option<Bound>,
    /// Hard protection from reclaim; v2 only.
    pub min: Option<Bound>,
    /// Swap alone, *not* memory plus swap.
    pub swap: Option<Bound>,
    /// An OOM kill takes the whole group; v2 only.
    pub oom_group: Option<bool>,
}

/// CPU limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Share in competition with sibling groups.
    pub share: Option<CpuShare>,
    /// Ceiling.
    pub quota: Option<CpuQuota>,
}

/// A relative share, in either version's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuShare {
    /// v2: 1 to 10000, 100 is the default.
    Weight(u64),
    /// v1: 2 to 262144, 1024 is the default.
    Shares(u64),
}

/// CPU time per period, in microseconds. Twice the period is two CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuQuota {
    /// Time per period, at least 1000.
    pub quota_us: Bound,
    /// Period, 1000 to 1000000; 100000 is the default.
    pub period_us: u64,
}

/// Block device limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Io {
    /// Relative share: 1 to 10000, 100 is the default (v2's unit).
    pub weight: Option<u64>,
    /// Ceilings by device.
    pub max: Vec<IoMax>,
}

/// Ceilings for one block device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoMax {
    /// Major device number.
    pub major: u32,
    /// Minor device number.
    pub minor: u32,
    /// Bytes read per second.
    pub read_bytes: Option<Bound>,
    /// Bytes written per second.
    pub write_bytes: Option<Bound>,
    /// Reads per second.
    pub read_ops: Option<Bound>,
    /// Writes per second.
    pub write_ops: Option<Bound>,
}

/// CPUs and memory nodes, as lists like `0-2,5`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpuset {
    /// CPUs.
    pub cpus: Option<String>,
    /// Memory nodes.
    pub mems: Option<String>,
}
