//! Requests to a shim and its answers: the JSON inside `Request`, `Ok` and `Failed` frames.

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::spec::ProcessSpec;

/// What a connection is for: its first frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Execute the init program. `Ok` is a list of what could not be done as it was asked for.
    Start,
    /// Execute a program; `Ok` is a [`Started`], then a session.
    Run {
        /// What to execute, and its id; an empty one makes one up.
        process: Box<ProcessSpec>,
        /// As in [`Request::Attach`].
        #[serde(default)]
        resumes: bool,
    },
    /// Join a process; `Ok` is a [`Started`], then a session.
    Attach {
        /// Its id.
        id: String,
        /// The client says `Detach` when it hangs up, and what it has `Delivered`: a session that
        /// ends without is kept for the next one. Older clients do not, and end input and output by
        /// hanging up.
        #[serde(default)]
        resumes: bool,
    },
    /// Wait for a process's end, but not for its output's. `Ok` is an [`Exit`].
    Wait {
        /// Its id.
        id: String,
    },
    /// Send a signal to the one process, not to its children. `Ok` is empty.
    Signal {
        /// Its id.
        id: String,
        /// The number.
        signal: i32,
    },
    /// End all processes but init. `Ok` is empty, and comes when they are gone.
    Stop {
        /// At once, without asking them with TERM first.
        kill: bool,
    },
    /// `Ok` is a [`State`].
    State,
    /// `Ok` is a list of [`Process`].
    Processes,
    /// Unpack an archive; `Ok`, `Data` frames and `End` from the client, a second `Ok`.
    StreamIn {
        /// A name in the container's passwd; empty is root.
        user: String,
        /// A directory; relative ones start at the user's home.
        destination: String,
    },
    /// Pack an archive; `Ok`, `Data` frames from the shim, then `End` or `Failed`.
    StreamOut {
        /// A name in the container's passwd; empty is root.
        user: String,
        /// A file or directory; relative ones start at the user's home.
        source: String,
    },
    /// Kill everything. `Ok` is empty and comes when all processes are gone; the shim then ends.
    Kill,
}

/// A session's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its id.
    pub id: String,
    /// Its pid in the shim's pid namespace; 0 once it has ended.
    pub pid: i32,
    /// The shim understands `Detach` and `Delivered`; older ones do not.
    #[serde(default)]
    pub resumes: bool,
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// How far it has come.
    pub phase: Phase,
    /// It has been stopped, and counts as stopped for ever.
    pub stopped: bool,
    /// Pid of its init in the shim's pid namespace; 0 once that has ended.
    pub init: i32,
    /// How init ended.
    pub exit: Option<Exit>,
    /// What has happened to it: `oom` for each time that a process was killed for memory. The
    /// last 64.
    pub events: Vec<String>,
}

/// How far a container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its init program has not been executed yet.
    Created,
    /// Init runs.
    Running,
    /// Init or the shim has ended, and every process with it.
    Dead,
}

/// One process that the container has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub id: String,
    /// Its pid in the shim's pid namespace; 0 once it has ended.
    pub pid: i32,
    /// How it ended.
    pub exit: Option<Exit>,
    /// Whether it has a root directory of its own.
    #[serde(default)]
    pub own_root: bool,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs.
    pub kind: FailureKind,
    /// For people: the causes in one line.
    pub message: String,
}

/// The kinds of [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No process has that id.
    ProcessNotFound,
    /// A process has that id already, or had it.
    ProcessExists,
    /// There is no such program in the container.
    ExecutableNotFound,
    /// The container's passwd has no such user, or its group file no such group.
    UnknownUser,
    /// The init program has not been executed yet, or has ended.
    NotRunning,
    /// The container is being destroyed.
    Destroying,
    /// An archive could not be packed or unpacked.
    Stream,
    /// The request itself makes no sense.
    Invalid,
    /// Anything else.
    Other,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
