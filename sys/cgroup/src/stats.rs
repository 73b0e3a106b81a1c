//! What a group has used.
//!
//! Most files are *flat keyed*: a line per key, `key value`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Error;
use crate::group::Cgroup;
use crate::limits::Bound;
use crate::v1::V1Group;

/// A flat keyed file. Keys of every kernel version are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlatKeyed(BTreeMap<String, u64>);

impl FlatKeyed {
    /// Parses the text; a line that is not `key number` is passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pair = |line: &str| {
            let (key, value) = line.split_once(' ')?;
            Some((key.to_owned(), value.trim().parse().ok()?))
        };
        Self(text.lines().filter_map(pair).collect())
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<u64> {
        self.0.get(key).copied()
    }

    /// The value of a key, 0 if this kernel does not count it.
    #[must_use]
    pub fn count(&self, key: &str) -> u64 {
        self.get(key).unwrap_or(0)
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(k, v)| (k.as_str(), *v))
    }
}

/// `cpu.stat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuStat {
    /// CPU time used, over all CPUs.
    pub usage: Duration,
    /// Part of it in user mode.
    pub user: Duration,
    /// Part of it in the kernel.
    pub system: Duration,
    /// Quota periods that passed; 0 without a quota or the `cpu` controller.
    pub periods: u64,
    /// Periods in which the quota ran out.
    pub throttled_periods: u64,
    /// Time spent waiting for the next period.
    pub throttled: Duration,
}

/// `memory.events`: how often something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Reclaimed although below `memory.low`.
    pub low: u64,
    /// Throttled for being above `memory.high`.
    pub high: u64,
    /// About to exceed `memory.max`.
    pub max: u64,
    /// At the limit with an allocation about to fail.
    pub oom: u64,
    /// Processes killed by any OOM killer.
    pub oom_kill: u64,
    /// Times the whole group was killed (Linux 5.17).
    pub oom_group_kill: u64,
}

impl MemoryEvents {
    /// Takes the known keys.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let keys = FlatKeyed::parse(text);
        Self {
            low: keys.count("low"),
            high: keys.count("high"),
            max: keys.count("max"),
            oom: keys.count("oom"),
            oom_kill: keys.count("oom_kill"),
            oom_group_kill: keys.count("oom_group_kill"),
        }
    }
}

impl Cgroup {
    /// CPU time used; present without the `cpu` controller too.
    ///
    /// # Errors
    /// The group is gone.
    pub fn cpu_stat(&self) -> Result<CpuStat, Error> {
        let keys = FlatKeyed::parse(&self.read("cpu.stat")?);
        let time = |key| Duration::from_micros(keys.count(key));
        Ok(CpuStat {
            usage: time("usage_usec"),
            user: time("user_usec"),
            system: time("system_usec"),
            periods: keys.count("nr_periods"),
            throttled_periods: keys.count("nr_throttled"),
            throttled: time("throttled_usec"),
        })
    }

    /// Memory in use, in bytes, with page cache. `None` without the `memory` controller.
    ///
    /// # Errors
    /// The group is gone, or the file has an unknown shape.
    pub fn memory_current(&self) -> Result<Option<u64>, Error> {
        self.number("memory.current")
    }

    /// Swap in use, in bytes. `None` without the `memory` controller or swap.
    ///
    /// # Errors
    /// As [`Cgroup::memory_current`].
    pub fn swap_current(&self) -> Result<Option<u64>, Error> {
        self.number("memory.swap.current")
    }

    /// Processes and threads. `None` without the `pids` controller.
    ///
    /// # Errors
    /// As [`Cgroup::memory_current`].
    pub fn pids_current(&self) -> Result<Option<u64>, Error> {
        self.number("pids.current")
    }

    /// Memory by kind. `None` without the `memory` controller.
    ///
    /// # Errors
    /// The group is gone.
    pub fn memory_stat(&self) -> Result<Option<FlatKeyed>, Error> {
        Ok(self
            .read_if_there("memory.stat")?
            .map(|t| FlatKeyed::parse(&t)))
    }

    /// Memory events in this group and below. `None` without the `memory` controller.
    ///
    /// # Errors
    /// The group is gone.
    pub fn memory_events(&self) -> Result<Option<MemoryEvents>, Error> {
        Ok(self
            .read_if_there("memory.events")?
            .map(|t| MemoryEvents::parse(&t)))
    }

    /// Memory events in this group alone (Linux 5.2).
    ///
    /// # Errors
    /// The group is gone.
    pub fn memory_events_local(&self) -> Result<Option<MemoryEvents>, Error> {
        Ok(self
            .read_if_there("memory.events.local")?
            .map(|t| MemoryEvents::parse(&t)))
    }

    /// The limit in a file such as `memory.max`. `None` if there is no such file.
    ///
    /// # Errors
    /// The group is gone, or the file is not a limit.
    pub fn bound(&self, file: &str) -> Result<Option<Bound>, Error> {
        let Some(text) = self.read_if_there(file)? else {
            return Ok(None);
        };
        match (text.trim(), text.trim().parse()) {
            ("max", _) => Ok(Some(Bound::Unlimited)),
            (_, Ok(n)) => Ok(Some(Bound::At(n))),
            _ => Err(Error::unexpected(&self.path().join(file), "a limit", &text)),
        }
    }

    fn number(&self, file: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.read_if_there(file)? else {
            return Ok(None);
        };
        match text.trim().parse() {
            Ok(n) => Ok(Some(n)),
            Err(_) => Err(Error::unexpected(
                &self.path().join(file),
                "a number",
                &text,
            )),
        }
    }
}

impl V1Group {
    /// A file that holds one number, such as `memory.usage_in_bytes`, `pids.current` or
    /// `cpuacct.usage` (nanoseconds). `None` if this hierarchy or kernel has no such file.
    ///
    /// # Errors
    /// The group is gone, or the file is not a number.
    pub fn number(&self, file: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.dir().read_if_there(file)? else {
            return Ok(None);
        };
        match text.trim().parse() {
            Ok(n) => Ok(Some(n)),
            Err(_) => Err(Error::unexpected(
                &self.path().join(file),
                "a number",
                &text,
            )),
        }
    }

    /// A flat keyed file, such as `memory.stat` or `cpu.stat`.
    ///
    /// # Errors
    /// The group is gone.
    pub fn flat_keyed(&self, file: &str) -> Result<Option<FlatKeyed>, Error> {
        Ok(self
            .dir()
            .read_if_there(file)?
            .map(|t| FlatKeyed::parse(&t)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_and_unknown_keys() {
        let text = "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\nnew_thing 5\nnonsense\n";
        let events = MemoryEvents::parse(text);
        assert_eq!(
            (events.high, events.oom_kill, events.oom_group_kill),
            (1, 4, 0)
        );
        let keys = FlatKeyed::parse(text);
        assert_eq!(
            (keys.get("new_thing"), keys.get("nonsense")),
            (Some(5), None)
        );
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in ".{0,120}") {
            let _ = FlatKeyed::parse(&text);
        }
    }
}
