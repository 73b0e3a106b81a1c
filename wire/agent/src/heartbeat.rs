//! Heartbeats: what an agent tells the health monitor at its start and every thirty seconds.

use serde::{Deserialize, Serialize};

use crate::state::{JobState, Vitals};

/// Seconds between two heartbeats.
pub const INTERVAL_SECONDS: u64 = 30;

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// Name of the deployment.
    pub deployment: String,
    /// Name of the instance group; none before the first `apply`.
    pub job: Option<String>,
    /// Position in the group.
    pub index: Option<i64>,
    /// All jobs together.
    pub job_state: JobState,
    /// CPU, memory, disks.
    pub vitals: Vitals,
    /// The instance's id.
    pub node_id: String,
    /// How many processes are supervised; none if the supervisor does not answer.
    pub number_of_processes: Option<u64>,
}

/// The content of `instance/health.json`, read by bosh-dns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// All jobs together.
    pub state: JobState,
}
