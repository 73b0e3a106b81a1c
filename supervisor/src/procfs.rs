//! Processes and the machine, from `/proc`. Parsers are total: other people's processes choose
//! their names.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use crate::fleet::Live;

/// One process, from `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Id.
    pub pid: i32,
    /// State letter.
    pub state: char,
    /// Parent's id.
    pub parent: i32,
    /// Processor time in clock ticks.
    pub ticks: u64,
    /// Threads.
    pub threads: u64,
    /// Begin, in clock ticks since boot.
    pub started: u64,
    /// Resident memory in pages.
    pub pages: u64,
}

impl Process {
    /// Reads the text of `/proc/PID/stat`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Process> {
        let (head, rest) = text.rsplit_once(") ")?;
        let pid = head.split_once(" (")?.0.parse().ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1, and the state is number 3.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Process {
            pid,
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(14)?.saturating_add(number(15)?),
            threads: number(20)?,
            started: number(22)?,
            pages: number(24)?,
        })
    }

    /// One that runs; zombies do not.
    #[must_use]
    pub fn of(pid: i32) -> Option<Process> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Process::parse(&text).filter(|process| !matches!(process.state, 'Z' | 'X' | 'x'))
    }

    /// Its identity.
    #[must_use]
    pub fn live(&self) -> Live {
        Live {
            pid: self.pid,
            started: self.started,
        }
    }
}

/// All processes at one moment.
#[derive(Debug, Default)]
pub struct Table {
    processes: HashMap<i32, Process>,
    children: HashMap<i32, Vec<i32>>,
}

impl Table {
    /// Reads them.
    #[must_use]
    pub fn read() -> Table {
        let mut table = Table::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if let Some(process) = Process::of(pid) {
                table.processes.insert(pid, process);
                table.children.entry(process.parent).or_default().push(pid);
            }
        }
        table
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, pid: i32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// All below one, however deep.
    #[must_use]
    pub fn below(&self, pid: i32) -> Vec<&Process> {
        let mut found: Vec<&Process> = Vec::new();
        let mut next = vec![pid];
        while let Some(pid) = next.pop() {
            for child in self.children.get(&pid).into_iter().flatten() {
                // A table is read while processes change parents: no one counts twice.
                if found.len() > self.processes.len() {
                    return found;
                }
                found.extend(self.processes.get(child));
                next.push(*child);
            }
        }
        found
    }
}

/// A pidfile as it was read: what it says and which file it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PidFile {
    /// The number.
    pub pid: i32,
    /// Inode.
    pub inode: u64,
    /// Change of contents, nanoseconds since 1970.
    pub changed: i128,
}

impl PidFile {
    /// Reads one, if it holds a number.
    #[must_use]
    pub fn read(path: &Path) -> Option<PidFile> {
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut options = fs::OpenOptions::new();
        let mut file = options.read(true).custom_flags(nonblock).open(path).ok()?;
        let meta = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let mut bytes = [0; 64];
        let len = file.read(&mut bytes).ok()?;
        Some(PidFile {
            pid: parse_pid(&bytes[..len])?,
            inode: meta.ino(),
            changed: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
        })
    }
}

/// The number at the beginning of a pidfile.
#[must_use]
pub fn parse_pid(bytes: &[u8]) -> Option<i32> {
    let bytes = bytes.trim_ascii_start();
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    text.parse().ok().filter(|pid| *pid > 0)
}

/// The machine at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Machine {
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// KiB of memory.
    pub memory_total: u64,
    /// KiB in use, without what the kernel can give back.
    pub memory_used: u64,
    /// KiB of swap space.
    pub swap_total: u64,
    /// KiB of it in use.
    pub swap_used: u64,
    /// Processor time since boot in ticks: user, system, waiting for disks, all.
    pub ticks: [u64; 4],
}

impl Machine {
    /// Reads it; what cannot be read is 0.
    #[must_use]
    pub fn read() -> Machine {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (mut machine, info) = (Machine::default(), text("/proc/meminfo"));
        let kib = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            let number = line.strip_prefix(':')?.trim().split(' ').next()?;
            number.parse::<u64>().ok()
        };
        let kib = |name| kib(name).unwrap_or(0);
        machine.memory_total = kib("MemTotal");
        let free = ["MemFree", "Buffers", "Cached", "SReclaimable"].map(kib);
        let free: u64 = free.iter().sum();
        machine.memory_used = machine.memory_total.saturating_sub(free);
        machine.swap_total = kib("SwapTotal");
        machine.swap_used = machine.swap_total.saturating_sub(kib("SwapFree"));
        let load = text("/proc/loadavg");
        for (place, number) in machine.load.iter_mut().zip(load.split(' ')) {
            *place = number.parse().unwrap_or(0.0);
        }
        machine.ticks = cpu_ticks(&text("/proc/stat"));
        machine
    }
}

fn cpu_ticks(text: &str) -> [u64; 4] {
    let first = text.lines().next().unwrap_or_default();
    let numbers: Vec<u64> = first
        .split_ascii_whitespace()
        .skip(1)
        .map(|number| number.parse().unwrap_or(0))
        .collect();
    let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
    // user nice system idle iowait irq softirq steal; guests are in user already.
    let all = numbers.iter().take(8).sum();
    [at(0) + at(1), at(2) + at(5) + at(6), at(4), all]
}

/// Seconds since boot.
#[must_use]
pub fn uptime() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Clock ticks in a second.
#[must_use]
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn we_are_a_process() {
        let pid = std::process::id().cast_signed();
        let me = Process::of(pid).unwrap();
        assert_eq!(me.pid, pid);
        assert!(me.pages > 0 && me.threads > 0);
        let table = Table::read();
        assert_eq!(table.get(pid).unwrap().live(), me.live());
        assert!(table.below(me.parent).iter().any(|each| each.pid == pid));
        assert!(Machine::read().memory_total > 0);
    }

    #[test]
    fn numbers_of_pidfiles() {
        for (text, pid) in [
            ("12", Some(12)),
            (" 12\n", Some(12)),
            ("12 34", Some(12)),
            ("", None),
            ("0", None),
            ("-3", None),
            ("99999999999", None),
        ] {
            assert_eq!(parse_pid(text.as_bytes()), pid, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_process_or_none(text in ".{0,80}", name in ".{0,20}") {
            let _ = Process::parse(&text);
            let stat = format!("7 ({name}) S 1 7 7 0 -1 0 0 0 0 0 5 6 0 0 20 0 3 0 99 1000 8 1");
            let process = Process::parse(&stat).unwrap();
            prop_assert_eq!((process.parent, process.ticks, process.started), (1, 11, 99));
            prop_assert_eq!((process.threads, process.pages), (3, 8));
        }
    }
}
