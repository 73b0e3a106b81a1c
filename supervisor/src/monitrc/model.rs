//! What control files say: global settings, and services with their rules.

mod connection;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

pub use self::connection::{Connection, Http, Protocol, Step, Target};
pub use self::settings::{Alert, Allow, File, Httpd, MailFormat, MailServer, Setting, Settings};

/// A program to run, with the ids to run it as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The file and its arguments; never empty.
    pub command: Vec<String>,
    /// User, by name or number.
    pub user: Option<String>,
    /// Group, by name or number.
    pub group: Option<String>,
    /// How long what it is to bring about may take. Monit's default is 30 s.
    pub timeout: Duration,
}

/// Where a service was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// One `check` statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Unique among all, whatever the case of its letters.
    pub name: String,
    /// What is checked.
    pub kind: Kind,
    /// How it is started.
    pub start: Option<Program>,
    /// How it is stopped.
    pub stop: Option<Program>,
    /// Groups it is in, in order.
    pub groups: Vec<String>,
    /// Services that must run before it does.
    pub depends: Vec<String>,
    /// Checked every so many cycles; at least 1.
    pub every: u32,
    /// How it is looked after.
    pub mode: Mode,
    /// Tests, in order.
    pub rules: Vec<Rule>,
    /// Who is told, beside those in [`Settings::alerts`].
    pub alerts: Vec<Alert>,
    /// Where the statement stands.
    pub place: Place,
}

impl Service {
    /// One of which nothing else is said.
    pub(super) fn bare(name: String, kind: Kind, place: Place) -> Self {
        Self {
            name,
            kind,
            start: None,
            stop: None,
            groups: Vec::new(),
            depends: Vec::new(),
            every: 1,
            mode: Mode::Active,
            rules: Vec::new(),
            alerts: Vec::new(),
            place,
        }
    }
}

/// What a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A process, found by its pidfile.
    Pidfile(PathBuf),
    /// A process, found by its command line.
    Matching(String),
    /// A regular file.
    File(PathBuf),
    /// A directory.
    Directory(PathBuf),
    /// A file system, by a path on it or its device.
    Filesystem(PathBuf),
    /// A named pipe.
    Fifo(PathBuf),
    /// Another machine.
    Host(String),
    /// A program whose exit status is looked at.
    Program(Program),
    /// This machine.
    System,
    /// A file that could not be used; not something that can be written.
    Invalid(String),
}

/// How a service is looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Checked and acted on.
    Active,
    /// Checked and reported.
    Passive,
    /// Like active, but only from when somebody starts it.
    Manual,
}

/// A test and what follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What is tested.
    pub test: Test,
    /// How often it must fail.
    pub window: Window,
    /// What is done then.
    pub action: Action,
    /// What is done when it is good again.
    pub recovered: Action,
}

/// `count` bad cycles out of the last `cycles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// At least 1, at most `cycles`.
    pub count: u32,
    /// At most 64.
    pub cycles: u32,
}

impl Window {
    /// The first failure counts.
    pub const ONCE: Window = Window {
        count: 1,
        cycles: 1,
    };
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Somebody is told.
    Alert,
    /// Stopped and started.
    Restart,
    /// Started.
    Start,
    /// Stopped, and not looked after any more.
    Stop,
    /// Not looked after any more.
    Unmonitor,
    /// A program is run.
    Exec(Program),
}

/// A test.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A number and a limit.
    Resource {
        /// Which number.
        what: Resource,
        /// How they are compared.
        op: Op,
        /// The limit, in the number's unit.
        limit: f64,
    },
    /// A network connection, and what is said over it.
    Connection(Connection),
    /// The process or file is not there.
    Nonexist,
    /// The file or process is there.
    Exist,
    /// The process id is another one than before.
    Pid,
    /// The parent's id is another one than before.
    Ppid,
    /// Started again `count` times within `cycles`.
    Restarts {
        /// Starts.
        count: u32,
        /// Cycles.
        cycles: u32,
    },
    /// The file's or process's owner is not this one.
    Uid(String),
    /// The file's or process's group is not this one.
    Gid(String),
    /// The file's permissions are not these.
    Permission(u32),
    /// A line appended to the file matches.
    Content {
        /// A regular expression.
        pattern: String,
        /// A match is bad (`=`), or none is (`!=`).
        negated: bool,
    },
    /// The program's exit status.
    Status {
        /// How they are compared.
        op: Op,
        /// The bad status.
        limit: i64,
    },
    /// The file's size or time has changed.
    Changed(Resource),
}

/// A number that can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Percent of the machine's processors, of the process or of the system.
    Cpu,
    /// The same with children.
    TotalCpu,
    /// Percent of processor time in user mode; system only.
    CpuUser,
    /// Percent in the kernel; system only.
    CpuSystem,
    /// Percent waiting for disks; system only.
    CpuWait,
    /// Percent of memory.
    MemoryPercent,
    /// KiB of memory.
    MemoryKilobyte,
    /// Percent of memory, with children.
    TotalMemoryPercent,
    /// KiB of memory, with children.
    TotalMemoryKilobyte,
    /// Percent of swap space; system only.
    SwapPercent,
    /// KiB of swap space; system only.
    SwapKilobyte,
    /// Processes below.
    Children,
    /// Threads.
    Threads,
    /// Load average of one minute.
    Load1,
    /// Of five.
    Load5,
    /// Of fifteen.
    Load15,
    /// Seconds since the process began.
    Uptime,
    /// Bytes in the file.
    Size,
    /// Seconds since the file was changed.
    Age,
    /// Percent of the file system's space.
    SpacePercent,
    /// Bytes of the file system's space.
    SpaceBytes,
    /// Percent of its inodes.
    InodePercent,
    /// Inodes.
    Inodes,
}

/// A comparison; what it holds for is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
}

impl Op {
    /// Whether the comparison holds.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Op::Less => value < limit,
            Op::Greater => value > limit,
            Op::Equal => value == limit,
            Op::NotEqual => value != limit,
            Op::LessOrEqual => value <= limit,
            Op::GreaterOrEqual => value >= limit,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Op::Less => "<",
            Op::Greater => ">",
            Op::Equal => "=",
            Op::NotEqual => "!=",
            Op::LessOrEqual => "<=",
            Op::GreaterOrEqual => ">=",
        }
    }
}
