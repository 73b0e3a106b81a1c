//! What outlives the supervisor, of one service.

use super::{Command, Monitor, Unit};

/// As it is written down.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// Whether it is looked after.
    pub monitor: Monitor,
    /// How many cycles ago it was started by itself, newest last.
    #[serde(default)]
    pub restarts: Vec<u64>,
    /// Somebody had asked for it to be stopped.
    #[serde(default)]
    pub stop: bool,
    /// Somebody had asked for it to be started (after that).
    #[serde(default)]
    pub start: bool,
}

impl Unit {
    /// What is to be written down.
    #[must_use]
    pub fn record(&self) -> Record {
        let stopping = matches!(self.phase, super::Phase::Stopping { .. });
        let starting = matches!(self.phase, super::Phase::Starting { .. });
        Record {
            monitor: self.monitor,
            restarts: self.restarts.iter().map(|at| self.cycle - at).collect(),
            stop: self.goal.stop || stopping,
            start: self.goal.start || starting,
        }
    }

    /// Goes on from what was written down.
    pub(super) fn restore(&mut self, record: &Record) {
        self.monitor = match record.monitor {
            Monitor::No => Monitor::No,
            Monitor::Yes | Monitor::Initializing => Monitor::Initializing,
        };
        let longest = record.restarts.iter().copied().max().unwrap_or(0);
        self.cycle = longest;
        self.restarts = record.restarts.iter().map(|age| longest - age).collect();
        self.goal.stop = record.stop;
        self.goal.start = record.start;
        self.asked = match (record.stop, record.start) {
            (true, true) => Some(Command::Restart),
            (true, false) => Some(Command::Stop),
            (false, true) => Some(Command::Start),
            (false, false) => None,
        };
    }
}
