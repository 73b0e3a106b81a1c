//! What control files say: global settings, and services with their rules.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

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

/// A connection test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where to.
    pub target: Target,
    /// What is said.
    pub protocol: Protocol,
    /// How long all of it may take. Monit's default is 5 s.
    pub timeout: Duration,
    /// Tries within one check; at least 1.
    pub tries: u32,
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP port.
    Tcp(String, u16),
    /// A UDP port: bad is one that answers that nobody listens.
    Udp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What is said over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing.
    None,
    /// A GET whose status must be below 400.
    Http(Http),
    /// Texts sent and patterns expected, in order.
    Exchange(Vec<Step>),
}

/// An HTTP request and what is wanted of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Path and query.
    pub path: String,
    /// `Host:` if not the host connected to.
    pub host: Option<String>,
    /// The good status, instead of everything below 400.
    pub status: Option<(Op, i64)>,
    /// A pattern that the body must (or, negated, must not) match.
    pub content: Option<(String, bool)>,
    /// User and password.
    pub credentials: Option<(String, String)>,
}

/// One step of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sent as it is.
    Send(Vec<u8>),
    /// What comes must match.
    Expect(String),
}

/// Somebody to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Mail address.
    pub address: String,
    /// Names of events, lower-case; all if empty.
    pub only: Vec<String>,
    /// Names of events not told.
    pub but: Vec<String>,
}

/// Somebody who may use the HTTP interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// A name and password; whether they may only look.
    User(String, String, bool),
    /// A file of `name:password` lines, and the names that count (all if empty).
    Cleartext(PathBuf, Vec<String>),
    /// Addresses, as a network.
    Network(IpAddr, u8),
}

/// The HTTP interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Httpd {
    /// TCP port.
    pub port: u16,
    /// Address; all if none is given.
    pub address: Option<String>,
    /// Who may use it; nobody but the machine itself if empty.
    pub allow: Vec<Allow>,
}

/// A server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// How alerts are written, with `$VARIABLES`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailFormat {
    /// Sender.
    pub from: Option<String>,
    /// Subject line.
    pub subject: Option<String>,
    /// Body.
    pub message: Option<String>,
}

/// Everything that is not a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Length of a cycle.
    pub interval: Duration,
    /// Before the first cycle.
    pub start_delay: Duration,
    /// Log file.
    pub log_file: Option<PathBuf>,
    /// Pid of the supervisor.
    pub pid_file: Option<PathBuf>,
    /// Where its identity is kept.
    pub id_file: Option<PathBuf>,
    /// Where its state is kept.
    pub state_file: Option<PathBuf>,
    /// HTTP interface.
    pub httpd: Option<Httpd>,
    /// Who is told of everything.
    pub alerts: Vec<Alert>,
    /// Who takes the mail, in order of preference.
    pub mail_servers: Vec<MailServer>,
    /// How long talking to one may take.
    pub mail_timeout: Duration,
    /// How the mail is written.
    pub mail_format: MailFormat,
    /// How many undelivered alerts are kept.
    pub event_slots: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            interval: Duration::from_secs(10),
            start_delay: Duration::ZERO,
            log_file: None,
            pid_file: None,
            id_file: None,
            state_file: None,
            httpd: None,
            alerts: Vec::new(),
            mail_servers: Vec::new(),
            mail_timeout: Duration::from_secs(5),
            mail_format: MailFormat::default(),
            event_slots: 100,
        }
    }
}

/// What one file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    /// `set` statements, in order.
    pub settings: Vec<Setting>,
    /// `check` statements, in order.
    pub services: Vec<Service>,
    /// `include` patterns, with their lines.
    pub includes: Vec<(String, usize)>,
    /// What is read but has no effect, each with its line.
    pub warnings: Vec<(usize, String)>,
}

/// One `set` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Length of a cycle and the delay before the first.
    Daemon(Duration, Duration),
    /// Log file.
    LogFile(PathBuf),
    /// Pid file.
    PidFile(PathBuf),
    /// Identity file.
    IdFile(PathBuf),
    /// State file.
    StateFile(PathBuf),
    /// HTTP interface.
    Httpd(Httpd),
    /// One more to be told.
    Alert(Alert),
    /// Mail servers and timeout.
    MailServers(Vec<MailServer>, Option<Duration>),
    /// How mail is written.
    MailFormat(MailFormat),
    /// Slots of the event queue.
    EventQueue(usize),
}

impl Settings {
    /// Takes a statement into account; later ones win, lists grow.
    pub fn apply(&mut self, setting: Setting) {
        match setting {
            Setting::Daemon(interval, delay) => {
                (self.interval, self.start_delay) = (interval, delay);
            }
            Setting::LogFile(path) => self.log_file = Some(path),
            Setting::PidFile(path) => self.pid_file = Some(path),
            Setting::IdFile(path) => self.id_file = Some(path),
            Setting::StateFile(path) => self.state_file = Some(path),
            Setting::Httpd(httpd) => self.httpd = Some(httpd),
            Setting::Alert(alert) => self.alerts.push(alert),
            Setting::MailServers(servers, timeout) => {
                self.mail_servers.extend(servers);
                self.mail_timeout = timeout.unwrap_or(self.mail_timeout);
            }
            Setting::MailFormat(format) => self.mail_format = format,
            Setting::EventQueue(slots) => self.event_slots = slots,
        }
    }
}
