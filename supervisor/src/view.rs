//! What is shown of it all: published by the engine, read by everybody else.

use std::path::PathBuf;

use crate::fleet::{Command, EventKind, Monitor};
use crate::monitrc::assemble::Problem;
use crate::monitrc::model::{Kind, Mode, Place};
use crate::procfs::Machine;

/// Numbers of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Vitals {
    /// Its id.
    pub pid: i32,
    /// Its parent's.
    pub ppid: i32,
    /// Seconds since it began.
    pub uptime: u64,
    /// Processes below it.
    pub children: u64,
    /// Its threads.
    pub threads: u64,
    /// KiB of memory.
    pub memory: u64,
    /// Percent of the machine's.
    pub memory_percent: f64,
    /// KiB, with children.
    pub memory_total: u64,
    /// Percent, with children.
    pub memory_total_percent: f64,
    /// Percent of all processors.
    pub cpu: f64,
    /// The same, with children.
    pub cpu_total: f64,
}

/// How a service is, in one word, as the agent counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// Not looked after; the agent's `unknown`.
    Unmonitored,
    /// Not known to be good yet; the agent's `starting`.
    Initializing,
    /// Good: there, and accessible if it has connection tests.
    Running,
    /// Something is wrong with it.
    Failing,
}

/// One service.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Monit's number: 0 file system, 1 directory, 2 file, 3 process, 4 host, 5 system, 6 fifo,
    /// 7 program.
    pub kind: u8,
    /// Groups.
    pub groups: Vec<String>,
    /// Whether it is looked after.
    pub monitor: Monitor,
    /// What was asked for and is not done yet.
    pub pending: Option<Command>,
    /// Something is being done, asked for or not.
    pub busy: bool,
    /// Bits of what is wrong.
    pub bits: u32,
    /// What is wrong first, in monit's words and in more.
    pub fault: Option<(EventKind, String)>,
    /// Whether all connection tests were good the last time; `None` without such tests.
    pub accessible: Option<bool>,
    /// Numbers of its process, as of the last look.
    pub vitals: Option<Vitals>,
    /// How it is looked after: 0 active, 1 passive, 2 manual.
    pub mode: u8,
    /// When it was checked last: seconds since 1970 and microseconds.
    pub collected: (u64, u32),
    /// File that describes it.
    pub file: PathBuf,
    /// Line there.
    pub line: usize,
}

impl Status {
    /// In one word.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        match self.monitor {
            Monitor::No => ServiceState::Unmonitored,
            Monitor::Initializing => ServiceState::Initializing,
            Monitor::Yes if self.bits == 0 => ServiceState::Running,
            Monitor::Yes => ServiceState::Failing,
        }
    }

    /// Whether it is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups
            .iter()
            .any(|each| each.eq_ignore_ascii_case(group))
    }

    /// What is wrong first, in words.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.fault.as_ref().map(|(_, text)| text.as_str())
    }
}

/// All services and the supervisor itself at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Identity of the supervisor, 32 hexadecimal digits.
    pub id: String,
    /// Another one after each load of the configuration; about the seconds since 1970 then.
    pub incarnation: u64,
    /// When the supervisor began, seconds since 1970.
    pub began: u64,
    /// Seconds of a cycle.
    pub interval: u64,
    /// Seconds before the first.
    pub start_delay: u64,
    /// The main control file.
    pub control_file: PathBuf,
    /// Host name.
    pub host: String,
    /// Address and port of the HTTP interface.
    pub httpd: Option<(String, u16)>,
    /// Services in order.
    pub services: Vec<Status>,
    /// Groups and their members, in order.
    pub groups: Vec<(String, Vec<String>)>,
    /// Files that are out.
    pub problems: Vec<Problem>,
    /// What in the files has no effect.
    pub warnings: Vec<Problem>,
    /// The machine.
    pub machine: Machine,
    /// Percent of processor time in user mode, in the kernel, waiting.
    pub machine_cpu: [f64; 3],
}

impl Snapshot {
    /// A service by its name, whatever the case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Status> {
        self.services
            .iter()
            .find(|each| each.name.eq_ignore_ascii_case(name))
    }

    /// The members of a group.
    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Status> {
        self.services.iter().filter(move |each| each.is_in(group))
    }

    /// What the agent calls the state of a job: `starting` if a member of the group is
    /// initializing, else `failing` if one is not looked after or has something wrong, else
    /// `running`, also without members.
    #[must_use]
    pub fn job_state(&self, group: &str) -> &'static str {
        let states: Vec<ServiceState> = self.members(group).map(Status::state).collect();
        if states.contains(&ServiceState::Initializing) {
            "starting"
        } else if states.iter().all(|state| *state == ServiceState::Running) {
            "running"
        } else {
            "failing"
        }
    }
}

/// Monit's number of a kind of service.
pub(crate) fn kind_number(kind: &Kind) -> u8 {
    match kind {
        Kind::Filesystem(_) => 0,
        Kind::Directory(_) => 1,
        Kind::File(_) => 2,
        // One that stands for a file that is out would have been a process.
        Kind::Pidfile(_) | Kind::Matching(_) | Kind::Invalid(_) => 3,
        Kind::Host(_) => 4,
        Kind::System => 5,
        Kind::Fifo(_) => 6,
        Kind::Program(_) => 7,
    }
}

/// Monit's word for a kind of service.
#[must_use]
pub fn kind_word(kind: u8) -> &'static str {
    const WORDS: [&str; 8] = [
        "Filesystem",
        "Directory",
        "File",
        "Process",
        "Remote Host",
        "System",
        "Fifo",
        "Program",
    ];
    WORDS.get(usize::from(kind)).copied().unwrap_or("Service")
}

pub(crate) fn mode_number(mode: Mode) -> u8 {
    match mode {
        Mode::Active => 0,
        Mode::Passive => 1,
        Mode::Manual => 2,
    }
}

pub(crate) fn place(place: &Place) -> (PathBuf, usize) {
    (place.file.clone(), place.line)
}
