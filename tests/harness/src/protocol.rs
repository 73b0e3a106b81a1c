//! What the test and an actor say to each other: one JSON document a line.
//!
//! ```text
//! argv      serve SPEC                              how to be
//! stdout <- {"Ready": {...}} | {"Failed": {...}}    once
//! stdin  -> {"path": [3, 1], "request": {...}}      to child 1 of child 3 of the actor
//! stdout <- one reply                               for each request, in order
//! ```
//!
//! An actor whose standard input closes ends at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use warren_sys_process::namespaces::Kind;

/// A kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ns {
    /// Control groups.
    Cgroup,
    /// System V and POSIX message objects.
    Ipc,
    /// Mounts.
    Mount,
    /// Network stack.
    Net,
    /// Process ids. The actor becomes process 1 and gets its own `/proc`.
    Pid,
    /// User and group ids: the actor's own user becomes root inside.
    User,
    /// Host name.
    Uts,
}

impl Ns {
    /// The same as `warren-sys-process` calls it.
    pub fn kind(self) -> Kind {
        match self {
            Ns::Cgroup => Kind::Cgroup,
            Ns::Ipc => Kind::Ipc,
            Ns::Mount => Kind::Mount,
            Ns::Net => Kind::Net,
            Ns::Pid => Kind::Pid,
            Ns::User => Kind::User,
            Ns::Uts => Kind::Uts,
        }
    }
}

/// How an actor is to be, in the order in which it becomes so.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Spec {
    /// Directory of the cgroup to join first, as the parent sees it.
    pub cgroup: Option<PathBuf>,
    /// Namespaces to enter, by their links.
    pub join: Vec<(Ns, PathBuf)>,
    /// Namespaces to make.
    pub unshare: Vec<Ns>,
    /// Changes to the mounts, which must be its own.
    pub mounts: Vec<MountStep>,
    /// Bits of the capabilities to lose for good.
    pub drop_capabilities: u64,
    /// User and group to become, without supplementary groups.
    pub ids: Option<(u32, u32)>,
}

/// One change to the mounts of an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountStep {
    /// Detaches every mount of these types, innermost first.
    DetachTypes(Vec<String>),
    /// Detaches every mount at or below this path, innermost first.
    DetachBelow(PathBuf),
    /// Mounts a new file system of a type, making the directory if it is absent.
    Mount {
        /// Such as `cgroup2` or `tmpfs`.
        kind: String,
        /// Where.
        target: PathBuf,
    },
    /// Binds a tree, with all mounts in it, somewhere else.
    Bind {
        /// What.
        source: PathBuf,
        /// Where; must exist.
        target: PathBuf,
    },
    /// Makes the mount at this path read-only.
    ReadOnly(PathBuf),
}

/// A request and who it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Child numbers from the first actor inwards; empty for the first itself.
    pub path: Vec<u32>,
    /// What to do.
    pub request: Request,
}

/// What an actor can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// One TCP connection, closed at once.
    Connect {
        /// Where to.
        address: SocketAddr,
        /// Most milliseconds to wait.
        timeout_ms: u64,
    },
    /// Accept TCP connections from now on.
    Listen {
        /// Where; port 0 picks one.
        address: SocketAddr,
    },
    /// How many connections the listener at this address accepted.
    Accepted {
        /// The address that [`Reply::Listening`] gave.
        address: SocketAddr,
    },
    /// One datagram.
    SendUdp {
        /// Where to.
        address: SocketAddr,
        /// The bytes.
        payload: Vec<u8>,
    },
    /// Count datagrams from now on.
    ListenUdp {
        /// Where; port 0 picks one.
        address: SocketAddr,
    },
    /// Read a file as text.
    Read {
        /// Which.
        path: PathBuf,
    },
    /// Write a file in one write(2), without creating it.
    Write {
        /// Which.
        path: PathBuf,
        /// The text.
        text: String,
    },
    /// Try to open a file.
    Open {
        /// Which.
        path: PathBuf,
        /// For writing as well?
        write: bool,
    },
    /// Make a directory and its parents.
    MakeDirectory {
        /// Which.
        path: PathBuf,
    },
    /// Remove an empty directory.
    RemoveDirectory {
        /// Which.
        path: PathBuf,
    },
    /// Join a cgroup.
    MoveToCgroup {
        /// Its directory.
        path: PathBuf,
    },
    /// Become another user and group.
    SetIds {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// Run a program to its end.
    Run(Program),
    /// Start a program and go on.
    Start(Program),
    /// Signal a started program (0: none), wait for it and return what it wrote.
    Finish {
        /// The number that [`Reply::Started`] gave.
        id: u32,
        /// Signal number.
        signal: i32,
        /// Most milliseconds to wait before it is killed.
        timeout_ms: u64,
    },
    /// Start an actor inside this one.
    Spawn(Spec),
    /// End such an actor.
    Stop {
        /// Its number.
        id: u32,
    },
}

/// A program to run inside an actor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables added to the environment.
    pub env: Vec<(String, String)>,
    /// What it reads on standard input.
    pub stdin: String,
    /// Most milliseconds it may run before it is killed.
    pub timeout_ms: u64,
}

/// What an actor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The first line of an actor that became what it was to be.
    Ready {
        /// Its process id, in its own pid namespace.
        pid: u32,
        /// The inode of its pid namespace.
        pid_namespace: u64,
    },
    /// Done, nothing to tell.
    Done,
    /// The outcome of [`Request::Connect`].
    Connected(Connected),
    /// The address of a new listener.
    Listening(SocketAddr),
    /// A count.
    Count(u64),
    /// The contents of a file.
    Text(String),
    /// The outcome of [`Request::Open`].
    Opened(Opened),
    /// The end of a program.
    Ended(Output),
    /// The number of a started program.
    Started {
        /// For [`Request::Finish`].
        id: u32,
        /// Its process id, in the actor's pid namespace.
        pid: u32,
    },
    /// The number of a new child actor and its first line.
    Spawned {
        /// For paths and [`Request::Stop`].
        id: u32,
        /// See [`Reply::Ready`].
        pid: u32,
        /// See [`Reply::Ready`].
        pid_namespace: u64,
    },
    /// A step failed.
    Failed {
        /// What was tried.
        step: String,
        /// Why, in words.
        reason: String,
        /// The errno, where there is one.
        errno: Option<i32>,
    },
}

/// How a TCP connection attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connected {
    /// It was accepted.
    Connected,
    /// Reset: nobody listens, or a rule rejects with a reset.
    Refused,
    /// No answer in time: the packet was dropped.
    TimedOut,
    /// No route, or an ICMP message said so.
    Unreachable,
    /// The local stack refused to send (EPERM or EACCES).
    NotPermitted,
    /// Any other error.
    Errno(i32),
}

/// How an attempt to open a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opened {
    /// It opened.
    Ok,
    /// The kernel said no.
    Errno(i32),
}

/// The end of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The exit code; 128 and the signal's number if one killed it.
    pub code: i32,
    /// Whether it ran out of time and was killed for it.
    pub timed_out: bool,
    /// What it wrote, with bytes that are not UTF-8 replaced.
    pub stdout: String,
    /// Likewise.
    pub stderr: String,
}

impl Output {
    /// The same, if the program ended well.
    ///
    /// # Panics
    /// With everything it wrote, if it did not.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(
            self.code == 0 && !self.timed_out,
            "the program failed: {self:#?}"
        );
        self
    }
}
