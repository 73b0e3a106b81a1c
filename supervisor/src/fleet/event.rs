//! What happens to services, in monit's words.

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A number is beyond its limit.
    Resource,
    /// Too many restarts.
    Timeout,
    /// A file's time.
    Timestamp,
    /// A file's size.
    Size,
    /// A network connection.
    Connection,
    /// Permissions.
    Permission,
    /// Owner.
    Uid,
    /// Group.
    Gid,
    /// Process or file there or not.
    Nonexist,
    /// A file that cannot be used.
    Invalid,
    /// Starting and stopping.
    Exec,
    /// What a file contains.
    Content,
    /// A process has another id.
    Pid,
    /// Its parent has.
    Ppid,
    /// A program's exit status.
    Status,
    /// Somebody asked for something and it was done.
    Action,
    /// The supervisor itself.
    Instance,
}

impl EventKind {
    /// The bit of `status` in the status document.
    #[must_use]
    pub fn bit(self) -> u32 {
        match self {
            EventKind::Resource => 0x2,
            EventKind::Timeout => 0x4,
            EventKind::Timestamp => 0x8,
            EventKind::Size => 0x10,
            EventKind::Connection => 0x20,
            EventKind::Permission => 0x40,
            EventKind::Uid => 0x80,
            EventKind::Gid => 0x100,
            EventKind::Nonexist => 0x200,
            EventKind::Invalid => 0x400,
            EventKind::Exec => 0x1000,
            EventKind::Content => 0x8000,
            EventKind::Instance => 0x1_0000,
            EventKind::Action => 0x2_0000,
            EventKind::Pid => 0x4_0000,
            EventKind::Ppid => 0x8_0000,
            EventKind::Status => 0x80_0000,
        }
    }

    /// The word in filters of alerts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            EventKind::Resource => "resource",
            EventKind::Timeout => "timeout",
            EventKind::Timestamp => "timestamp",
            EventKind::Size => "size",
            EventKind::Connection => "connection",
            EventKind::Permission => "permission",
            EventKind::Uid => "uid",
            EventKind::Gid => "gid",
            EventKind::Nonexist => "nonexist",
            EventKind::Invalid => "invalid",
            EventKind::Exec => "exec",
            EventKind::Content => "content",
            EventKind::Pid => "pid",
            EventKind::Ppid => "ppid",
            EventKind::Status => "status",
            EventKind::Action => "action",
            EventKind::Instance => "instance",
        }
    }

    /// The words of alerts and of the status.
    #[must_use]
    pub fn text(self, outcome: Outcome) -> &'static str {
        let texts = match self {
            EventKind::Resource => ["Resource limit matched", "Resource limit succeeded"],
            EventKind::Timeout => ["Timeout", "Timeout recovery"],
            EventKind::Timestamp => ["Timestamp failed", "Timestamp succeeded"],
            EventKind::Size => ["Size failed", "Size succeeded"],
            EventKind::Connection => ["Connection failed", "Connection succeeded"],
            EventKind::Permission => ["Permission failed", "Permission succeeded"],
            EventKind::Uid => ["UID failed", "UID succeeded"],
            EventKind::Gid => ["GID failed", "GID succeeded"],
            EventKind::Nonexist => ["Does not exist", "Exists"],
            EventKind::Invalid => ["Invalid type", "Type succeeded"],
            EventKind::Exec => ["Execution failed", "Execution succeeded"],
            EventKind::Content => ["Content failed", "Content succeeded"],
            EventKind::Pid => ["PID failed", "PID succeeded"],
            EventKind::Ppid => ["PPID failed", "PPID succeeded"],
            EventKind::Status => ["Status failed", "Status succeeded"],
            EventKind::Action => ["Action failed", "Action done"],
            EventKind::Instance => ["Monit instance failed", "Monit instance changed"],
        };
        match outcome {
            Outcome::Failed => texts[0],
            Outcome::Succeeded => texts[1],
        }
    }
}

/// Which way it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// For the worse.
    Failed,
    /// For the better.
    Succeeded,
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    /// The service's name.
    pub service: String,
    /// What.
    pub kind: EventKind,
    /// Which way.
    pub outcome: Outcome,
    /// What follows, one of monit's words: alert, restart, stop, exec, unmonitor, start, monitor.
    pub action: &'static str,
    /// In words.
    pub description: String,
}
