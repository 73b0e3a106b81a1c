//! What the scheduler wants from time to time: types and descriptions of tasks are stock's.

use serde::{Deserialize, Serialize};

/// What is done from time to time, as stock's scheduled jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheduled", rename_all = "snake_case")]
pub enum Scheduled {
    /// Delete machines whose place another has taken.
    OrphanedVms,
    /// Delete disks that have been nobody's for so long.
    OrphanedDisks {
        /// In days.
        max_age: u32,
    },
    /// Delete old versions of all names.
    DnsBlobs {
        /// How many stay, whatever their age.
        kept: u32,
        /// How long the others stay, in seconds.
        max_age: u32,
    },
    /// Delete rows that only raised the version of the names.
    DnsTombstones,
    /// Forget old events.
    Events {
        /// How many stay.
        kept: u32,
    },
    /// Forget old tasks and what they said.
    Tasks {
        /// How many of each type stay.
        kept: u32,
    },
}

impl Scheduled {
    /// The task's type.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Scheduled::OrphanedVms => "scheduled_orphaned_vm_cleanup",
            Scheduled::OrphanedDisks { .. } => "scheduled_orphaned_disk_cleanup",
            Scheduled::DnsBlobs { .. } => "scheduled_dns_blobs_cleanup",
            Scheduled::DnsTombstones => "scheduled_dns_tombstone_cleanup",
            Scheduled::Events { .. } => "scheduled_events_cleanup",
            Scheduled::Tasks { .. } => "scheduled_task_cleanup",
        }
    }

    /// The task's description.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Scheduled::OrphanedVms => "clean up orphan vms",
            Scheduled::OrphanedDisks { .. } => "clean up orphan disks",
            Scheduled::DnsBlobs { .. } => "clean up local dns blobs",
            Scheduled::DnsTombstones => "clean up local dns tombstone records",
            Scheduled::Events { .. } => "clean up events",
            Scheduled::Tasks { .. } => "clean up tasks",
        }
    }
}
