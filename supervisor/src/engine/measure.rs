//! Readings: what each rule of a service's says right now.
//!
//! What is quick is read at once; connections and programs are left to [`Slow`], which is sent to a
//! thread.

use std::fs;
use std::io::{BufRead, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::look::Gauge;
use super::{connect, programs};
use crate::fleet::{Live, Reading, Unit};
use crate::groups::Groups;
use crate::monitrc::model::{Connection, Kind, Op, Program, Resource, Test};
use crate::procfs::Process;
use crate::users;
use crate::view::Vitals;

/// What a service's tests remember from one time to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    live: Option<Live>,
    parent: Option<i32>,
    size: Option<u64>,
    changed: Option<i64>,
    read: Option<(u64, u64)>,
}

/// Most of a file that is looked through for a pattern in one cycle.
const READ: u64 = 1 << 20;

/// Tests that take their time.
#[derive(Debug, Default)]
pub(super) struct Slow {
    connections: Vec<(usize, Connection)>,
    program: Option<Program>,
    statuses: Vec<(usize, Op, i64)>,
}

impl Slow {
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.program.is_none()
    }

    /// Makes them. Blocks.
    pub fn make(self, service: &str, host: &str, groups: &Groups) -> Vec<(usize, Reading)> {
        let mut readings: Vec<(usize, Reading)> = self
            .connections
            .iter()
            .map(|(rule, connection)| (*rule, connect::test(connection)))
            .collect();
        if let Some(program) = &self.program {
            let cause = programs::Cause {
                service,
                host,
                event: "Status",
                description: "check",
                vitals: None,
            };
            let status = programs::status(program, &cause, groups);
            for (rule, op, limit) in self.statuses {
                let reading = match &status {
                    Ok(status) if op.holds(*status as f64, limit as f64) => {
                        Reading::Bad(format!("status {status}, {} {limit} is bad", op.sign()))
                    }
                    Ok(_) => Reading::Good,
                    Err(error) => Reading::Bad(error.clone()),
                };
                readings.push((rule, reading));
            }
        }
        readings
    }
}

/// Numbers of a process.
pub(super) fn vitals(process: &Process, gauge: &Gauge) -> Vitals {
    let below = gauge.table.below(process.pid);
    let page = rustix::param::page_size() as u64 / 1024;
    let memory = process.pages * page;
    let memory_total = memory + below.iter().map(|each| each.pages * page).sum::<u64>();
    let all = gauge.machine.memory_total.max(1) as f64;
    let percent = |kilobytes: u64| 100.0 * kilobytes as f64 / all;
    let cpu = gauge.cpu(process);
    let ticks = crate::procfs::ticks_per_second();
    let age = crate::procfs::uptime() - process.started as f64 / ticks as f64;
    Vitals {
        pid: process.pid,
        ppid: process.parent,
        uptime: age.max(0.0) as u64,
        children: below.len() as u64,
        threads: process.threads,
        memory,
        memory_percent: percent(memory),
        memory_total,
        memory_total_percent: percent(memory_total),
        cpu,
        cpu_total: (cpu + below.iter().map(|each| gauge.cpu(each)).sum::<f64>()).min(100.0),
    }
}

/// Takes all readings of a service.
pub(super) fn take(
    unit: &Unit,
    vitals: Option<&Vitals>,
    gauge: &Gauge,
    memory: &mut Memory,
) -> (Vec<Reading>, Slow) {
    let mut slow = Slow::default();
    let live = unit.facts.live;
    if unit.monitor == crate::fleet::Monitor::Initializing {
        // A new process is no change.
        (memory.live, memory.parent) = (None, None);
    }
    let there = match &unit.spec.kind {
        Kind::Pidfile(_) | Kind::Matching(_) => match live {
            Some(_) => Ok(None),
            None => Err("process is not running".to_owned()),
        },
        Kind::File(path) => file(path, "a file", fs::Metadata::is_file),
        Kind::Directory(path) => file(path, "a directory", fs::Metadata::is_dir),
        Kind::Fifo(path) => file(path, "a fifo", |meta| meta.mode() & 0o170_000 == 0o010_000),
        Kind::Filesystem(path) => file(path, "a path", |_| true),
        Kind::Invalid(reason) => Err(reason.clone()),
        Kind::Host(_) | Kind::Program(_) | Kind::System => Ok(None),
    };
    let mut readings = Vec::new();
    for (rule, each) in unit.spec.rules.iter().enumerate() {
        readings.push(match (&each.test, &there) {
            (Test::Nonexist, Ok(_)) => Reading::Good,
            (Test::Nonexist, Err(text)) => Reading::Bad(text.clone()),
            (Test::Exist, Ok(_)) => Reading::Bad("it exists".to_owned()),
            (Test::Exist, Err(_)) => Reading::Good,
            (_, Err(_)) => Reading::Unknown,
            (Test::Connection(connection), _) => {
                slow.connections.push((rule, connection.clone()));
                Reading::Unknown
            }
            (Test::Status { op, limit }, _) => {
                if let Kind::Program(program) = &unit.spec.kind {
                    slow.program = Some(program.clone());
                    slow.statuses.push((rule, *op, *limit));
                }
                Reading::Unknown
            }
            (Test::Pid, _) => match (memory.live, live) {
                (Some(before), Some(now)) if before != now => {
                    Reading::Bad(format!("pid changed from {} to {}", before.pid, now.pid))
                }
                _ => Reading::Good,
            },
            (Test::Ppid, _) => match (memory.parent, vitals.map(|vitals| vitals.ppid)) {
                (Some(before), Some(now)) if before != now && memory.live == live => {
                    Reading::Bad(format!("parent changed from {before} to {now}"))
                }
                _ => Reading::Good,
            },
            (Test::Resource { what, op, limit }, Ok(meta)) => {
                let value = number(*what, unit, vitals, gauge, meta.as_ref());
                match value {
                    Some(value) if op.holds(value, *limit) => Reading::Bad(format!(
                        "{} of {value:.1} matches the limit {} {limit:.1}",
                        name(*what),
                        op.sign()
                    )),
                    Some(_) => Reading::Good,
                    None => Reading::Unknown,
                }
            }
            (Test::Uid(user), Ok(meta)) => owner(
                "user",
                meta.as_ref().map(MetadataExt::uid),
                users::user(user),
                user,
            ),
            (Test::Gid(group), Ok(meta)) => owner(
                "group",
                meta.as_ref().map(MetadataExt::gid),
                users::group(group),
                group,
            ),
            (Test::Permission(wanted), Ok(Some(meta))) if meta.mode() & 0o7777 != *wanted => {
                Reading::Bad(format!("permissions are {:o}", meta.mode() & 0o7777))
            }
            (Test::Permission(_), Ok(_)) => Reading::Good,
            (Test::Changed(what), Ok(Some(meta))) => changed(*what, meta, memory),
            (Test::Content { pattern, negated }, Ok(Some(meta))) => match &unit.spec.kind {
                Kind::File(path) => content(path, meta, pattern, *negated, memory),
                _ => Reading::Unknown,
            },
            (Test::Changed(_) | Test::Content { .. } | Test::Restarts { .. }, _) => {
                Reading::Unknown
            }
        });
    }
    if live.is_some() {
        memory.live = live;
        memory.parent = vitals.map(|vitals| vitals.ppid);
    }
    if let Ok(Some(meta)) = &there {
        memory.size = Some(meta.len());
        memory.changed = Some(meta.mtime());
        let had = memory
            .read
            .filter(|(inode, at)| *inode == meta.ino() && *at <= meta.len());
        memory.read = match had {
            Some((inode, at)) => Some((inode, meta.len().min(at + READ))),
            // What stood there before we came is not looked at.
            None if memory.read.is_none() => Some((meta.ino(), meta.len())),
            None => Some((meta.ino(), meta.len().min(READ))),
        };
    }
    (readings, slow)
}

fn file(
    path: &Path,
    what: &str,
    is: impl Fn(&fs::Metadata) -> bool,
) -> Result<Option<fs::Metadata>, String> {
    match fs::metadata(path) {
        Ok(meta) if is(&meta) => Ok(Some(meta)),
        Ok(_) => Err(format!("{} is not {what}", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn owner(what: &str, is: Option<u32>, wanted: Option<u32>, name: &str) -> Reading {
    match (is, wanted) {
        (None, _) => Reading::Unknown,
        (Some(_), None) => Reading::Bad(format!("there is no {what} {name:?}")),
        (Some(is), Some(wanted)) if is != wanted => Reading::Bad(format!("its {what} is {is}")),
        _ => Reading::Good,
    }
}

fn changed(what: Resource, meta: &fs::Metadata, memory: &Memory) -> Reading {
    let same = match what {
        Resource::Size => memory.size.is_none_or(|size| size == meta.len()),
        _ => memory.changed.is_none_or(|changed| changed == meta.mtime()),
    };
    if same {
        Reading::Good
    } else {
        Reading::Bad(format!("{} changed", name(what)))
    }
}

/// Looks through what was appended since the last time.
fn content(
    path: &Path,
    meta: &fs::Metadata,
    pattern: &str,
    negated: bool,
    memory: &Memory,
) -> Reading {
    let from = match memory.read {
        None => return Reading::Good,
        Some((inode, at)) if inode == meta.ino() && at <= meta.len() => at,
        Some(_) => 0,
    };
    let Ok(pattern) = crate::pattern::compile(pattern) else {
        return Reading::Unknown;
    };
    let Ok(mut file) = fs::File::open(path) else {
        return Reading::Unknown;
    };
    if file.seek(std::io::SeekFrom::Start(from)).is_err() {
        return Reading::Unknown;
    }
    let mut reader = std::io::BufReader::new(std::io::Read::take(file, READ));
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Reading::Good,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                if pattern.is_match(text.trim_end()) != negated {
                    let shown: String = text.trim_end().chars().take(200).collect();
                    return Reading::Bad(format!("content match: {shown}"));
                }
            }
            Err(_) => return Reading::Unknown,
        }
    }
}

fn number(
    what: Resource,
    unit: &Unit,
    vitals: Option<&Vitals>,
    gauge: &Gauge,
    meta: Option<&fs::Metadata>,
) -> Option<f64> {
    let machine = &gauge.machine;
    let percent = |part: u64, all: u64| 100.0 * part as f64 / all.max(1) as f64;
    let system = unit.spec.kind == Kind::System;
    Some(match what {
        Resource::Load1 => machine.load[0],
        Resource::Load5 => machine.load[1],
        Resource::Load15 => machine.load[2],
        Resource::CpuUser => gauge.machine_cpu()[0],
        Resource::CpuSystem => gauge.machine_cpu()[1],
        Resource::CpuWait => gauge.machine_cpu()[2],
        Resource::SwapPercent => percent(machine.swap_used, machine.swap_total),
        Resource::SwapKilobyte => machine.swap_used as f64,
        Resource::Cpu if system => gauge.machine_cpu().iter().sum(),
        Resource::MemoryPercent if system => percent(machine.memory_used, machine.memory_total),
        Resource::MemoryKilobyte if system => machine.memory_used as f64,
        Resource::Uptime if system => crate::procfs::uptime(),
        Resource::Cpu => vitals?.cpu,
        Resource::TotalCpu => vitals?.cpu_total,
        Resource::MemoryPercent => vitals?.memory_percent,
        Resource::MemoryKilobyte => vitals?.memory as f64,
        Resource::TotalMemoryPercent => vitals?.memory_total_percent,
        Resource::TotalMemoryKilobyte => vitals?.memory_total as f64,
        Resource::Children => vitals?.children as f64,
        Resource::Threads => vitals?.threads as f64,
        Resource::Uptime => vitals?.uptime as f64,
        Resource::Size => meta?.len() as f64,
        Resource::Age => {
            let (now, _) = crate::date::since_epoch(std::time::SystemTime::now());
            now as f64 - meta?.mtime() as f64
        }
        Resource::SpacePercent
        | Resource::SpaceBytes
        | Resource::InodePercent
        | Resource::Inodes => {
            let Kind::Filesystem(path) = &unit.spec.kind else {
                return None;
            };
            let stat = rustix::fs::statvfs(path).ok()?;
            let used = stat.f_blocks.saturating_sub(stat.f_bfree);
            let inodes = stat.f_files.saturating_sub(stat.f_ffree);
            match what {
                Resource::SpacePercent => percent(used, used + stat.f_bavail),
                Resource::SpaceBytes => used as f64 * stat.f_frsize as f64,
                Resource::InodePercent => percent(inodes, stat.f_files),
                _ => inodes as f64,
            }
        }
    })
}

fn name(what: Resource) -> &'static str {
    match what {
        Resource::Cpu => "cpu usage",
        Resource::TotalCpu => "total cpu usage",
        Resource::CpuUser => "cpu user usage",
        Resource::CpuSystem => "cpu system usage",
        Resource::CpuWait => "cpu wait",
        Resource::MemoryPercent | Resource::MemoryKilobyte => "mem usage",
        Resource::TotalMemoryPercent | Resource::TotalMemoryKilobyte => "total mem amount",
        Resource::SwapPercent | Resource::SwapKilobyte => "swap usage",
        Resource::Children => "children",
        Resource::Threads => "threads",
        Resource::Load1 => "loadavg(1min)",
        Resource::Load5 => "loadavg(5min)",
        Resource::Load15 => "loadavg(15min)",
        Resource::Uptime => "uptime",
        Resource::Size => "size",
        Resource::Age => "timestamp",
        Resource::SpacePercent | Resource::SpaceBytes => "space usage",
        Resource::InodePercent | Resource::Inodes => "inode usage",
    }
}
