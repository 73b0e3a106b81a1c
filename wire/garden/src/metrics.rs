//! What a container uses. Every key is always written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::number::Nanoseconds;

/// The answer to a metrics request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Metrics {
    /// Memory.
    pub memory_stat: MemoryStat,
    /// Processor time.
    #[serde(rename = "CPUStat")]
    pub cpu_stat: CpuStat,
    /// Disk space.
    pub disk_stat: DiskStat,
    /// Traffic; `null` where it is not counted.
    pub network_stat: Option<NetworkStat>,
    /// Tasks.
    pub pid_stat: PidStat,
    /// Time since it was created.
    pub age: Nanoseconds,
    /// Processor time it was entitled to so far, nanoseconds.
    #[serde(rename = "CPUEntitlement")]
    pub cpu_entitlement: u64,
}

/// `memory.stat` of the container's cgroup under the kernel's own names, and
/// the sum that counts against the limit. Bytes, but for page counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the kernel's names, from cgroup-v1 memory and cgroup-v2"
)]
pub struct MemoryStat {
    pub active_anon: u64,
    pub active_file: u64,
    pub cache: u64,
    pub hierarchical_memory_limit: u64,
    pub inactive_anon: u64,
    pub inactive_file: u64,
    pub mapped_file: u64,
    pub pgfault: u64,
    pub pgmajfault: u64,
    pub pgpgin: u64,
    pub pgpgout: u64,
    pub rss: u64,
    pub total_active_anon: u64,
    pub total_active_file: u64,
    pub total_cache: u64,
    pub total_inactive_anon: u64,
    pub total_inactive_file: u64,
    pub total_mapped_file: u64,
    pub total_pgfault: u64,
    pub total_pgmajfault: u64,
    pub total_pgpgin: u64,
    pub total_pgpgout: u64,
    pub total_rss: u64,
    pub total_unevictable: u64,
    pub unevictable: u64,
    pub swap: u64,
    pub hierarchical_memsw_limit: u64,
    pub total_swap: u64,
    pub anon: u64,
    pub file: u64,
    pub swapcached: u64,
    /// What counts towards the limit; on cgroup v2 file + anon + swapcached −
    /// inactive_file, never below 0.
    #[serde(rename = "TotalUsageTowardLimit")]
    pub total_usage_toward_limit: u64,
}

/// Processor time, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CpuStat {
    /// All of it.
    pub usage: u64,
    /// In user mode.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
}

/// Space in the root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DiskStat {
    /// Bytes, image included.
    pub total_bytes_used: u64,
    /// Inodes, image included.
    pub total_inodes_used: u64,
    /// Bytes the container wrote.
    pub exclusive_bytes_used: u64,
    /// Inodes the container made.
    pub exclusive_inodes_used: u64,
}

/// Traffic on the container's interface, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkStat {
    /// Received.
    pub rx_bytes: u64,
    /// Sent.
    pub tx_bytes: u64,
}

/// Processes and threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PidStat {
    /// Now.
    pub current: u64,
    /// The limit; 0 without one.
    pub max: u64,
}

/// One container's part of a bulk answer. Process ids of processes with their
/// own image are accepted as handles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerMetricsEntry {
    /// The metrics; all zero beside an error.
    pub metrics: Metrics,
    /// Why there are none.
    pub err: Option<Error>,
}

impl From<Result<Metrics, Error>> for ContainerMetricsEntry {
    fn from(result: Result<Metrics, Error>) -> Self {
        match result {
            Ok(metrics) => Self { metrics, err: None },
            Err(error) => Self {
                metrics: Metrics::default(),
                err: Some(error.into_untyped()),
            },
        }
    }
}

/// Answer to a bulk metrics request, by handle.
pub type BulkMetricsResponse = BTreeMap<String, ContainerMetricsEntry>;
