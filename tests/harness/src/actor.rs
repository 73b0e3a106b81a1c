//! The test's side of an actor.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use warren_sys_process::namespaces::{self, Kind};

use crate::builder::ActorBuilder;
use crate::gate::Shared;
use crate::protocol::{Connected, Envelope, Opened, Output, Program, Reply, Request, Spec};

/// Longest time that any one request may take.
const PATIENCE: Timespec = Timespec {
    tv_sec: 300,
    tv_nsec: 0,
};
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

/// The pipes to the outermost actor.
#[derive(Debug)]
struct Line {
    process: Child,
    /// To it and from it; none once closed.
    pipes: Option<(File, BufReader<File>)>,
    _gate: Option<Shared>,
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

/// A program that goes on while the test does other things; killed when dropped.
#[derive(Debug)]
pub struct Background<'a> {
    actor: &'a Actor,
    id: Option<u32>,
    /// Its process id, in the actor's pid namespace.
    pub pid: u32,
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
        let (input, output) = (OwnedFd::from(stdin), OwnedFd::from(stdout));
        Actor::greet(process, (input.into(), output.into()), Some(gate), PATIENCE)
    }

    /// An actor somewhere else, such as in a virtual machine, reached through
    /// `line`. It is ended by ending `process`, which ends when it or its standard
    /// input closes.
    ///
    /// # Panics
    /// If it does not say that it is ready within `patience`.
    #[track_caller]
    pub fn elsewhere(process: Child, line: OwnedFd, patience: Duration) -> Actor {
        let input = File::from(line);
        match input.try_clone() {
            Ok(output) => {
                let tv_sec = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
                Actor::greet(
                    process,
                    (input, output),
                    None,
                    Timespec { tv_sec, tv_nsec: 0 },
                )
            }
            Err(error) => panic!("cannot copy a descriptor: {error}"),
        }
    }

    #[track_caller]
    fn greet(
        process: Child,
        (input, output): (File, File),
        gate: Option<Shared>,
        patience: Timespec,
    ) -> Actor {
        let pipes = Some((input, BufReader::new(output)));
        let mut line = Line {
            process,
            pipes,
            _gate: gate,
        };
        line.wait(patience);
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
        match find_process(self.pid, self.pid_namespace) {
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
            Reply::Started { id, pid } => Background {
                actor: self,
                id: Some(id),
                pid,
            },
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
            Some((id, path)) if line.pipes.is_some() && !std::thread::panicking() => {
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

impl Background<'_> {
    /// Sends a signal, waits for the end and returns what the program wrote. It
    /// is killed if it takes longer than `limit`.
    #[track_caller]
    pub fn finish(mut self, signal: Option<Signal>, limit: Duration) -> Output {
        match self.end(signal, limit) {
            Ok(Reply::Ended(output)) => output,
            other => panic!("the actor did not end the program: {other:?}"),
        }
    }

    #[track_caller]
    fn end(&mut self, signal: Option<Signal>, limit: Duration) -> Result<Reply, Refused> {
        self.actor.request(Request::Finish {
            id: self.id.take().unwrap_or_default(),
            signal: signal.map_or(0, Signal::as_raw),
            timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // In a panic the line may be in any state; the program ends with its actor.
        if self.id.is_some() && !std::thread::panicking() {
            let _ = self.end(Some(Signal::KILL), Duration::from_secs(5));
        }
    }
}

impl Line {
    #[track_caller]
    fn say(&mut self, envelope: &Envelope) {
        let Some((stdin, _)) = &mut self.pipes else {
            panic!("the actor was dropped")
        };
        let written = serde_json::to_vec(envelope).map_err(std::io::Error::from);
        let written = written.and_then(|mut line| {
            line.push(b'\n');
            stdin.write_all(&line)
        });
        if let Err(error) = written {
            panic!("cannot reach the actor: {error}");
        }
    }

    /// Waits until there is something to hear.
    #[track_caller]
    fn wait(&mut self, patience: Timespec) {
        let Some((_, stdout)) = &mut self.pipes else {
            panic!("the actor was dropped")
        };
        if stdout.buffer().is_empty() {
            let mut waiting = [PollFd::new(stdout.get_ref(), PollFlags::IN)];
            match poll(&mut waiting, Some(&patience)) {
                Ok(0) => panic!("no answer from the actor within {} s", patience.tv_sec),
                Ok(_) => {}
                Err(errno) => panic!("cannot wait for the actor: {errno}"),
            }
        }
    }

    #[track_caller]
    fn hear(&mut self) -> Reply {
        self.wait(PATIENCE);
        let Some((_, stdout)) = &mut self.pipes else {
            panic!("the actor was dropped")
        };
        let mut text = String::new();
        match stdout.read_line(&mut text) {
            Ok(0) => panic!("the actor ended: {:?}", self.process.wait()),
            Ok(_) => {}
            Err(error) => panic!("cannot hear the actor: {error}"),
        }
        match serde_json::from_str(&text) {
            Ok(reply) => reply,
            Err(error) => panic!("the actor said {text:?}: {error}"),
        }
    }

    /// Ends the process: it goes by itself when its input closes, and is helped
    /// along if it does not.
    fn close(&mut self) {
        self.pipes = None;
        // A tethered program goes by this.
        drop(self.process.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close();
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

/// The process that has id `pid` in the pid namespace with this inode.
fn find_process(pid: u32, pid_namespace: u64) -> Option<u32> {
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let here: u32 = entry.file_name().to_str()?.parse().ok()?;
            let task = entry.path();
            (innermost_pid(&task)? == pid
                && namespaces::id(&task, Kind::Pid).ok()? == pid_namespace)
                .then_some(here)
        })
}

/// The last number of the `NSpid` line: the id in the process's own namespace.
fn innermost_pid(task: &Path) -> Option<u32> {
    let status = std::fs::read_to_string(task.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

#[track_caller]
fn unexpected(reply: &Reply) -> ! {
    panic!("the actor gave the wrong answer: {reply:?}")
}
