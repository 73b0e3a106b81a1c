//! Everything that control files say but services: who is told, who may ask, where files are.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Service;

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
