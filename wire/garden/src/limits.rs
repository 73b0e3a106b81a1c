//! Resource limits: of a container, of a process, and as read back.
//!
//! Zero means unlimited everywhere, and is left out when written.

use serde::{Deserialize, Serialize};

use crate::number::{is_zero, open_number};

/// All limits of a container. The five objects are always written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Accepted and ignored by the stock server.
    #[serde(rename = "bandwidth_limits")]
    pub bandwidth: BandwidthLimits,
    /// Share of the processors.
    #[serde(rename = "cpu_limits")]
    pub cpu: CpuLimits,
    /// Space in the root file system.
    #[serde(rename = "disk_limits")]
    pub disk: DiskLimits,
    /// Memory, swap included.
    #[serde(rename = "memory_limits")]
    pub memory: MemoryLimits,
    /// Number of tasks.
    #[serde(rename = "pid_limits")]
    pub pid: PidLimits,
}

/// Limits of a process with an image of its own. Their mere presence in a
/// process spec, even empty, gives it a cgroup apart from the container's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessLimits {
    /// Share of the processors.
    #[serde(rename = "cpu_limits")]
    pub cpu: CpuLimits,
    /// Memory, swap included.
    #[serde(rename = "memory_limits")]
    pub memory: MemoryLimits,
}

/// Network bandwidth, in bytes per second.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BandwidthLimits {
    /// Sustained rate.
    #[serde(skip_serializing_if = "is_zero")]
    pub rate: u64,
    /// Rate of a burst.
    #[serde(skip_serializing_if = "is_zero")]
    pub burst: u64,
}

/// Share of the processors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuLimits {
    /// Weight in cgroup v1 shares; wins over `limit_in_shares`.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight: u64,
    /// The older name of `weight`; also where limits are read back.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit_in_shares: u64,
}

impl CpuLimits {
    /// The shares asked for, whichever field they came in; 0 is no limit.
    #[must_use]
    pub fn shares(&self) -> u64 {
        if self.weight == 0 {
            self.limit_in_shares
        } else {
            self.weight
        }
    }
}

/// Space in the root file system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskLimits {
    /// Inodes, soft; ignored by the stock server.
    #[serde(skip_serializing_if = "is_zero")]
    pub inode_soft: u64,
    /// Inodes, hard; ignored by the stock server.
    #[serde(skip_serializing_if = "is_zero")]
    pub inode_hard: u64,
    /// Bytes, soft; ignored by the stock server.
    #[serde(skip_serializing_if = "is_zero")]
    pub byte_soft: u64,
    /// Bytes, hard.
    #[serde(skip_serializing_if = "is_zero")]
    pub byte_hard: u64,
    /// What counts towards `byte_hard`.
    #[serde(skip_serializing_if = "is_zero")]
    pub scope: DiskLimitScope,
}

open_number! {
    /// What counts towards a disk limit.
    DiskLimitScope(u8) {
        /// The image and what the container wrote.
        TOTAL = 0,
        /// Only what the container wrote.
        EXCLUSIVE = 1,
    }
}

/// Memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryLimits {
    /// Most bytes the container may use.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit_in_bytes: u64,
}

/// Number of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PidLimits {
    /// Most processes and threads at once.
    #[serde(skip_serializing_if = "is_zero")]
    pub max: u64,
}
