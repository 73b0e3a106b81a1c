//! The test's side of an actor.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::background::Background;
use crate::builder::ActorBuilder;
use crate::gate::Shared;
use crate::line::{Line, PATIENCE};
use crate::processes;
use crate::protocol::{Connected, Envelope, Opened, Output, Program, Reply, Request, Spec};

/// Longest time that a program may run unless told otherwise.
const PROGRAM_MS: u64 = 60_000;

/// A process that does what the test asks; ends when dropped.
#[derive(Debug)]
pub struct Actor {
    line: Arc<Mutex<Line>>,
    /// Child numbers from the first actor to this one.
    path: Vec<u32>,
    pid: u32,
    pid_namespace: u64,
}

/// A request that an actor could not fulfil.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Refused {
    /// What was tried.
    pub step: String,
    /// Why it failed, in words.
    pub reason: String,
    /// The errno, where there is one.
    pub errno: Option<i32>,
}

impl Actor {
    /// An actor like the test itself.
    #[track_caller]
    pub fn spawn() -> Actor {
        ActorBuilder::new().spawn()
    }

    #[track_caller]
    pub(crate) fn on_this_machine(mut process: Child, gate: Shared) -> Actor {
        let Some((stdin, stdout)) = process.stdin.take().zip(process.stdout.take()) else {
            panic!("the actor's pipes are missing")
        };
        Actor::greet(Line::open(
            process,
            (stdin.into(), stdout.into()),
            Some(gate),
            PATIENCE,
        ))
    }

    /// An actor somewhere else, such as in a virtual machine, reached through
    /// `line`. It is ended by ending `process`, which ends when it or its standard
    /// input closes.
    ///
    /// # Panics
    /// If it does not say that it is ready within `patience`.
    #[track_caller]
    pub fn elsewhere(process: Child, line: OwnedFd, patience: Duration) -> Actor {
        match line.try_clone() {
            Ok(output) => Actor::greet(Line::open(process, (line, output), None, patience)),
            Err(error) => panic!("cannot copy a descriptor: {error}"),
        }
    }

    #[track_caller]
    fn greet(mut line: Line) -> Actor {
        match line.hear() {
            Reply::Ready { pid, pid_namespace } => Actor {
                line: Arc::new(Mutex::new(line)),
                path: Vec::new(),
                pid,
                pid_namespace,
            },
            other => panic!("the actor did not get ready: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn spawn_inside(&self, spec: Spec) -> Actor {
        match self.ask(Request::Spawn(spec)) {
            Reply::Spawned {
                id,
                pid,
                pid_namespace,
            } => {
                let mut path = self.path.clone();
                path.push(id);
                Actor {
                    line: Arc::clone(&self.line),
                    path,
                    pid,
                    pid_namespace,
                }
            }
            other => unexpected(&other),
        }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// What the actor could not do.
    #[track_caller]
    pub fn request(&self, request: Request) -> Result<Reply, Refused> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.say(&Envelope {
            path: self.path.clone(),
            request,
        });
        match line.hear() {
            Reply::Failed {
                step,
                reason,
                errno,
            } => Err(Refused {
                step,
                reason,
                errno,
            }),
            reply => Ok(reply),
        }
    }

    #[track_caller]
    fn ask(&self, request: Request) -> Reply {
        match self.request(request) {
            Ok(reply) => reply,
            Err(refused) => panic!("the actor cannot {refused}"),
        }
    }

    #[track_caller]
    fn done(&self, request: Request) {
        match self.ask(request) {
            Reply::Done => {}
            other => unexpected(&other),
        }
    }

    /// Its process id, in its own pid namespace.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its process id as the test sees it.
    ///
    /// # Panics
    /// If it has ended.
    #[track_caller]
    pub fn host_pid(&self) -> u32 {
        match processes::find(self.pid, self.pid_namespace) {
            Some(pid) => pid,
            None => panic!("the actor is not in /proc any more"),
        }
    }

    /// Tries one TCP connection.
    #[track_caller]
    pub fn connect(&self, address: impl Into<SocketAddr>, timeout: Duration) -> Connected {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        match self.ask(Request::Connect {
            address: address.into(),
            timeout_ms,
        }) {
            Reply::Connected(outcome) => outcome,
            other => unexpected(&other),
        }
    }

    /// Accepts TCP connections at `address` from now on; port 0 picks one.
    #[track_caller]
    pub fn listen(&self, address: impl Into<SocketAddr>) -> SocketAddr {
        match self.ask(Request::Listen {
            address: address.into(),
        }) {
            Reply::Listening(address) => address,
            other => unexpected(&other),
        }
    }

    /// Counts datagrams at `address` from now on; port 0 picks one.
    #[track_caller]
    pub fn listen_udp(&self, address: impl Into<SocketAddr>) -> SocketAddr {
        match self.ask(Request::ListenUdp {
            address: address.into(),
        }) {
            Reply::Listening(address) => address,
            other => unexpected(&other),
        }
    }

    /// How many connections or datagrams came to a listener.
    #[track_caller]
    pub fn accepted(&self, address: SocketAddr) -> u64 {
        match self.ask(Request::Accepted { address }) {
            Reply::Count(count) => count,
            other => unexpected(&other),
        }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// If the local stack refuses it.
    #[track_caller]
    pub fn send_udp(&self, address: impl Into<SocketAddr>, payload: &[u8]) -> Result<(), Refused> {
        let request = Request::SendUdp {
            address: address.into(),
            payload: payload.to_vec(),
        };
        self.request(request).map(|_| ())
    }

    /// The text of a file.
    #[track_caller]
    pub fn read(&self, path: impl Into<PathBuf>) -> String {
        match self.ask(Request::Read { path: path.into() }) {
            Reply::Text(text) => text,
            other => unexpected(&other),
        }
    }

    /// Writes to an existing file.
    #[track_caller]
    pub fn write(&self, path: impl Into<PathBuf>, text: &str) {
        self.done(Request::Write {
            path: path.into(),
            text: text.to_owned(),
        });
    }

    /// Tries to open a file, for writing as well if so asked.
    #[track_caller]
    pub fn open(&self, path: impl Into<PathBuf>, write: bool) -> Opened {
        match self.ask(Request::Open {
            path: path.into(),
            write,
        }) {
            Reply::Opened(outcome) => outcome,
            other => unexpected(&other),
        }
    }

    /// Its `/proc/self/cgroup`.
    #[track_caller]
    pub fn cgroup(&self) -> String {
        self.read("/proc/self/cgroup")
    }

    /// Makes a directory and its parents.
    #[track_caller]
    pub fn make_directory(&self, path: impl Into<PathBuf>) {
        self.done(Request::MakeDirectory { path: path.into() });
    }

    /// Removes an empty directory.
    #[track_caller]
    pub fn remove_directory(&self, path: impl Into<PathBuf>) {
        self.done(Request::RemoveDirectory { path: path.into() });
    }

    /// Joins another cgroup.
    #[track_caller]
    pub fn move_to_cgroup(&self, path: impl Into<PathBuf>) {
        self.done(Request::MoveToCgroup { path: path.into() });
    }

    /// Becomes another user and group.
    #[track_caller]
    pub fn set_ids(&self, uid: u32, gid: u32) {
        self.done(Request::SetIds { uid, gid });
    }

    /// Runs a program to its end, for at most a minute.
    #[track_caller]
    pub fn run<S: AsRef<str>>(&self, argv: &[S]) -> Output {
        self.run_program(program(argv))
    }

    /// Runs a program to its end.
    #[track_caller]
    pub fn run_program(&self, program: Program) -> Output {
        match self.ask(Request::Run(program)) {
            Reply::Ended(output) => output,
            other => unexpected(&other),
        }
    }

    /// Runs the `warren` executable with these arguments.
    #[track_caller]
    pub fn warren<S: AsRef<str>>(&self, arguments: &[S]) -> Output {
        self.run(&with_warren(arguments))
    }

    /// Starts a program and goes on.
    #[track_caller]
    pub fn start<S: AsRef<str>>(&self, argv: &[S]) -> Background<'_> {
        match self.ask(Request::Start(program(argv))) {
            Reply::Started { id, pid } => Background::new(self, id, pid),
            other => unexpected(&other),
        }
    }

    /// Starts the `warren` executable with these arguments and goes on.
    #[track_caller]
    pub fn start_warren<S: AsRef<str>>(&self, arguments: &[S]) -> Background<'_> {
        self.start(&with_warren(arguments))
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        match self.path.split_last() {
            None => line.close(),
            // One further out may be gone already, and this one with it.
            Some((id, path)) if line.is_open() && !std::thread::panicking() => {
                line.say(&Envelope {
                    path: path.to_vec(),
                    request: Request::Stop { id: *id },
                });
                let _ = line.hear();
            }
            Some(_) => {}
        }
    }
}

fn program<S: AsRef<str>>(argv: &[S]) -> Program {
    Program {
        argv: argv
            .iter()
            .map(|argument| argument.as_ref().to_owned())
            .collect(),
        env: Vec::new(),
        stdin: String::new(),
        timeout_ms: PROGRAM_MS,
    }
}

fn with_warren<S: AsRef<str>>(arguments: &[S]) -> Vec<String> {
    let warren = crate::programs::warren().display().to_string();
    std::iter::once(warren)
        .chain(arguments.iter().map(|each| each.as_ref().to_owned()))
        .collect()
}

#[track_caller]
fn unexpected(reply: &Reply) -> ! {
    panic!("the actor gave the wrong answer: {reply:?}")
}
