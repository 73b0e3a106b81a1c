//! Finding the process of a service.

use std::fs;
use std::os::fd::OwnedFd;

use regex_lite::Regex;

use super::programs;
use crate::fleet::Live;
use crate::monitrc::model::Kind;
use crate::procfs::{PidFile, Process, Table};

/// What is known of a service's process.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The process seen last, and the pidfile that named it.
    pub seen: Option<(Live, Option<PidFile>)>,
    /// Tells the end of that process.
    pub fd: Option<OwnedFd>,
    pattern: Option<Regex>,
}

impl Sight {
    pub fn new(kind: &Kind) -> Sight {
        let pattern = match kind {
            Kind::Matching(pattern) => crate::pattern::compile(pattern).ok(),
            _ => None,
        };
        Sight {
            pattern,
            ..Sight::default()
        }
    }

    /// Looks for the process, and watches it if it lives.
    pub fn look(&mut self, kind: &Kind) -> Option<Live> {
        let (found, file) = match kind {
            Kind::Pidfile(path) => {
                let file = PidFile::read(path)?;
                (Process::of(file.pid), Some(file))
            }
            Kind::Matching(_) => (self.matching(), None),
            _ => (None, None),
        };
        let live = found?.live();
        if let Some((before, same)) = self.seen {
            // The pidfile is as it was and names another process: the number was given away.
            if before.pid == live.pid && before != live && same == file && file.is_some() {
                self.fd = None;
                return None;
            }
        }
        if self.seen.map(|(before, _)| before) != Some(live) || self.fd.is_none() {
            self.fd = programs::watch(live.pid);
            // It may have ended, and its number been given away, before it was watched.
            if Process::of(live.pid).is_none_or(|process| process.live() != live) {
                self.fd = None;
                return None;
            }
        }
        self.seen = Some((live, file));
        Some(live)
    }

    /// The process with a matching command line that is nobody's child among those; the oldest.
    fn matching(&self) -> Option<Process> {
        let pattern = self.pattern.as_ref()?;
        let ours = std::process::id().cast_signed();
        if let Some((before, _)) = self.seen {
            let same = Process::of(before.pid).filter(|process| process.live() == before);
            if same.is_some() {
                return same;
            }
        }
        let mut found: Vec<Process> = Vec::new();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if pid != ours && !line.is_empty() && pattern.is_match(line.trim_end()) {
                found.extend(Process::of(pid));
            }
        }
        let is_child = |each: &Process| found.iter().any(|other| other.pid == each.parent);
        let tops = found.iter().filter(|each| !is_child(each));
        tops.min_by_key(|each| each.started).copied()
    }
}

/// Numbers of processes and of the machine over time.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    pub table: Table,
    pub machine: crate::procfs::Machine,
    before: Table,
    machine_before: crate::procfs::Machine,
    seconds: f64,
    taken: Option<std::time::Instant>,
}

impl Gauge {
    /// Takes new numbers if the last are older than half a second.
    pub fn refresh(&mut self) {
        let elapsed = self.taken.map(|taken| taken.elapsed().as_secs_f64());
        if elapsed.is_some_and(|elapsed| elapsed < 0.5) {
            return;
        }
        self.before = std::mem::replace(&mut self.table, Table::read());
        self.machine_before = std::mem::replace(&mut self.machine, crate::procfs::Machine::read());
        self.seconds = elapsed.unwrap_or(0.0);
        self.taken = Some(std::time::Instant::now());
    }

    /// Percent of all processors that a process used between the last two times.
    pub fn cpu(&self, process: &Process) -> f64 {
        let Some(before) = self.before.get(process.pid) else {
            return 0.0;
        };
        if before.started != process.started || self.seconds <= 0.0 {
            return 0.0;
        }
        let ticks = process.ticks.saturating_sub(before.ticks) as f64;
        let all = self.seconds * crate::procfs::ticks_per_second() as f64;
        (100.0 * ticks / all / processors() as f64).min(100.0)
    }

    /// Percent of processor time in user mode, in the kernel, waiting.
    pub fn machine_cpu(&self) -> [f64; 3] {
        let (now, before) = (self.machine.ticks, self.machine_before.ticks);
        let all = now[3].saturating_sub(before[3]);
        if all == 0 || before[3] == 0 {
            return [0.0; 3];
        }
        let part = |at: usize| 100.0 * now[at].saturating_sub(before[at]) as f64 / all as f64;
        [part(0), part(1), part(2)]
    }
}

/// How many processors there are.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
