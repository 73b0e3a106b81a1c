//! What an agent says of its instance: the value of `get_state`, and vitals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::ApplySpec;

/// The state of all jobs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// The supervisor does not answer.
    #[default]
    Unknown,
    /// Stopped on demand.
    Stopped,
    /// At least one service has just been started.
    Starting,
    /// At least one service does not run or is not watched.
    Failing,
    /// All services run, or there is none.
    Running,
}

impl JobState {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Failing => "failing",
            Self::Running => "running",
        }
    }
}

/// One supervised process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// `running`, `starting`, `failing` or `unknown`.
    pub state: String,
    /// Since when.
    pub uptime: Uptime,
    /// Memory.
    pub mem: ProcessMemory,
    /// CPU.
    pub cpu: ProcessCpu,
}

/// Time since a start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Uptime {
    /// Seconds.
    pub secs: u64,
}

/// Memory of a process and its children.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessMemory {
    /// Kibibytes.
    pub kb: u64,
    /// Of the machine's.
    pub percent: f64,
}

/// CPU of a process and its children.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessCpu {
    /// Percent.
    pub total: f64,
}

/// Vitals; all numbers but the uptime are texts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// CPU.
    pub cpu: CpuVitals,
    /// Disks that are mount points: `system`, `ephemeral`, `persistent`.
    pub disk: BTreeMap<String, DiskVitals>,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: Vec<String>,
    /// Memory.
    pub mem: MemoryVitals,
    /// Swap.
    pub swap: MemoryVitals,
    /// Since boot.
    pub uptime: Uptime,
}

/// Shares of CPU time, percent with one decimal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuVitals {
    /// In the kernel.
    pub sys: String,
    /// In programs.
    pub user: String,
    /// Waiting for disks.
    pub wait: String,
}

/// Use of a file system.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskVitals {
    /// Of its inodes.
    pub inode_percent: String,
    /// Of its bytes.
    pub percent: String,
}

/// Use of memory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryVitals {
    /// Kibibytes.
    pub kb: String,
    /// Of what there is.
    pub percent: String,
}

/// The VM.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vm {
    /// Its cloud id.
    pub name: String,
}

/// The value of `get_state`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentState {
    /// What was applied last.
    pub spec: ApplySpec,
    /// The agent.
    pub agent_id: String,
    /// All jobs.
    pub job_state: JobState,
    /// Each process.
    pub processes: Vec<Process>,
    /// Only where asked for.
    pub vitals: Option<Vitals>,
    /// The VM.
    pub vm: Vm,
}

impl AgentState {
    /// As it is written: the stored spec with some more keys; empty lists of processes are left
    /// out, a missing resource pool is an empty object.
    ///
    /// # Errors
    ///
    /// None that a value of this type can cause.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        let mut value = serde_json::to_value(&self.spec)?;
        if let Value::Object(entries) = &mut value {
            if self.spec.resource_pool.is_null() {
                entries.insert(
                    "resource_pool".to_owned(),
                    Value::Object(serde_json::Map::new()),
                );
            }
            let mut put = |key: &str, value: Value| entries.insert(key.to_owned(), value);
            put("agent_id", self.agent_id.clone().into());
            put("job_state", self.job_state.name().into());
            if !self.processes.is_empty() {
                put("processes", serde_json::to_value(&self.processes)?);
            }
            if let Some(vitals) = &self.vitals {
                put("vitals", serde_json::to_value(vitals)?);
            }
            put("vm", serde_json::to_value(&self.vm)?);
        }
        Ok(value)
    }

    /// Reads what [`AgentState::to_value`], or a stock agent, wrote.
    ///
    /// # Errors
    ///
    /// [`JsonError::Shape`](warren_lib_gojson::JsonError::Shape).
    pub fn from_value(value: Value) -> Result<Self, warren_lib_gojson::JsonError> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Rest {
            agent_id: String,
            job_state: String,
            processes: Vec<Process>,
            vitals: Option<Vitals>,
            vm: Vm,
        }
        let rest: Rest = warren_lib_gojson::from_value(value.clone())?;
        let states = [
            JobState::Stopped,
            JobState::Starting,
            JobState::Failing,
            JobState::Running,
        ];
        let job_state = states.into_iter().find(|one| one.name() == rest.job_state);
        Ok(Self {
            spec: ApplySpec::from_value(value)?,
            agent_id: rest.agent_id,
            job_state: job_state.unwrap_or_default(),
            processes: rest.processes,
            vitals: rest.vitals,
            vm: rest.vm,
        })
    }
}
