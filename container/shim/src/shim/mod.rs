//! The shim: one process for each container, with one thread and nothing that waits.
//!
//! ```text
//!   warren shim DIR ─ fork ─► session of its own ─► engine: create ─► "created" ─► loop
//!        └─ exits                                        └─ failure ─► "failed", exits
//!
//!   loop: epoll ─► frames in, output read, ends learned ─► rings into frames, timers ─► epoll
//! ```
//!
//! | module | |
//! |---|---|
//! | [`begin`] | from `warren shim DIR` to the loop |
//! | [`connection`] | frames of one socket |
//! | [`request`] | what a connection's first frame asks for |
//! | [`process`] | pipes, terminal, output and end of one process |
//! | [`archive`] | archives in and out |
//! | [`stop`] | who is signalled when |
//! | [`ending`] | stopping and killing, as time goes by |
//! | [`engine`] | what is asked of the engine |
//! | [`memory`] | who is killed for memory |
//! | [`session`] | who gets what, and what is waited for next |
//! | [`resume`] | what is kept for a session that was cut off |
//! | [`poller`] | epoll |

mod archive;
mod begin;
mod connection;
mod ending;
mod engine;
mod memory;
mod poller;
mod process;
mod request;
mod resume;
mod session;
mod stop;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open};

pub use begin::run;

use archive::Job;
use connection::Connection;
use engine::Engine;
use memory::Memory;
use poller::{Poller, Token, Watched};
use process::Process;
use stop::Stop;

use crate::exit::Exit;
use crate::wire::{Failure, FailureKind, Phase};

/// How long the container's processes may take to die.
const DYING: Duration = Duration::from_secs(10);
/// How long no connection is accepted after one could not be.
const PAUSE: Duration = Duration::from_millis(100);
/// How many events are kept.
const EVENTS: usize = 64;

/// How long others are waited for.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// A session that takes no output, by its process.
    reading: Duration,
    /// Processes that are to end, with each signal.
    stopping: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            reading: crate::ring::PATIENCE,
            stopping: stop::PATIENCE,
        }
    }
}

/// Everything is being killed. Its end need not show: all may be dead already, or the last to die
/// nobody's child.
#[derive(Debug)]
struct Kill {
    /// Until when everything has to be dead.
    until: Instant,
    /// When to look next, and how long after that.
    look: Instant,
    pause: Duration,
}

/// Everything the shim knows.
struct Shim<E> {
    directory: PathBuf,
    engine: E,
    times: Times,
    poller: Poller,
    listener: Watched<UnixListener>,
    /// Until when no connection is accepted.
    paused: Option<Instant>,
    init: Option<Watched<OwnedFd>>,
    init_pid: Pid,
    phase: Phase,
    exit: Option<Exit>,
    memory: Option<Watched<Memory>>,
    events: Vec<String>,
    connections: BTreeMap<u32, Connection>,
    processes: BTreeMap<u32, Process>,
    jobs: BTreeMap<u32, Job>,
    next_key: u32,
    stopped: bool,
    stop: Option<Stop>,
    /// Who waits for the stop.
    stoppers: Vec<u32>,
    kill: Option<Kill>,
    /// Who waits for that.
    killers: Vec<u32>,
    /// Something can go on of which no event will tell.
    unsettled: bool,
    done: bool,
}

impl<E: Engine> Shim<E> {
    fn new(
        directory: PathBuf,
        engine: E,
        listener: UnixListener,
        times: Times,
    ) -> Result<Self, Errno> {
        let poller = Poller::new()?;
        let init_pid = engine.init();
        let init = pidfd_open(init_pid, PidfdFlags::empty())?;
        let memory = engine.watch_memory().unwrap_or_else(|failure| {
            log(&format!(
                "out of memory will not be noticed: {}",
                failure.message
            ));
            None
        });
        let mut shim = Self {
            directory,
            engine,
            times,
            poller,
            listener: Watched::new(listener, Token::Listener),
            paused: None,
            init: Some(Watched::new(init, Token::Init)),
            init_pid,
            phase: Phase::Created,
            exit: None,
            memory: memory.map(|watcher| Watched::new(watcher, Token::Memory)),
            events: Vec::new(),
            connections: BTreeMap::new(),
            processes: BTreeMap::new(),
            jobs: BTreeMap::new(),
            next_key: 0,
            stopped: false,
            stop: None,
            stoppers: Vec::new(),
            kill: None,
            killers: Vec::new(),
            unsettled: false,
            done: false,
        };
        let reading = Some(EventFlags::IN);
        shim.poller.set(&mut shim.listener, reading)?;
        if let Some(init) = &mut shim.init {
            shim.poller.set(init, reading)?;
        }
        if let Some(memory) = &mut shim.memory {
            shim.poller.set(memory, reading)?;
        }
        Ok(shim)
    }

    /// Serves until the container has been killed.
    fn serve(&mut self) -> Result<(), Errno> {
        loop {
            self.settle()?;
            if self.done {
                return Ok(());
            }
            let now = Instant::now();
            let limit = match std::mem::take(&mut self.unsettled) {
                true => Some(Duration::ZERO),
                false => self
                    .deadline()
                    .map(|deadline| deadline.saturating_duration_since(now)),
            };
            for (token, flags) in self.poller.wait(limit)? {
                self.ready(token, flags);
            }
            self.tick(Instant::now());
        }
    }

    fn key(&mut self) -> u32 {
        // 0 is nobody.
        self.next_key = self.next_key.checked_add(1).unwrap_or(1);
        self.next_key
    }

    fn ready(&mut self, token: Token, flags: EventFlags) {
        let now = Instant::now();
        match token {
            Token::Listener => self.accept(),
            Token::Connection(key) => {
                if let Some(connection) = self.connections.get_mut(&key) {
                    if flags.contains(EventFlags::IN) {
                        connection.read();
                    }
                    // The other end has closed: what it has sent before is still to be read.
                    if flags.intersects(EventFlags::HUP | EventFlags::ERR) {
                        connection.gone = true;
                    }
                }
            }
            Token::Input(key) => {
                if let Some(process) = self.processes.get_mut(&key) {
                    process.write_input(&self.poller);
                }
            }
            Token::Output(key, part) => {
                if let Some(process) = self.processes.get_mut(&key) {
                    process.read_output(part, &self.poller, now);
                }
            }
            Token::Ended(key) => self.ended(key),
            Token::Init => self.init_ended(),
            Token::Memory => self.out_of_memory(),
            Token::Archive(key) => {
                // Reading is done where it is known that the client takes more.
                if let Some(job) = self.jobs.get_mut(&key)
                    && let Some(piece) = job.read(&self.poller)
                    && let Some(connection) = self.connections.get_mut(&job.connection)
                {
                    connection.send(&crate::frame::Frame::Data(piece));
                }
            }
            Token::Complaint(key) => {
                if let Some(job) = self.jobs.get_mut(&key) {
                    job.listen(&self.poller);
                }
            }
            Token::ArchiveEnded(key) => {
                if let Some(job) = self.jobs.get_mut(&key) {
                    job.reap(&self.poller);
                }
            }
        }
    }

    fn accept(&mut self) {
        let socket = match self.listener.get().accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            Err(error) => {
                // Out of descriptors, as a rule: some will be free again.
                log(&format!("cannot accept a connection: {error}"));
                self.paused = Some(Instant::now() + PAUSE);
                return;
            }
        };
        let key = self.key();
        match Connection::new(socket, key) {
            Ok(connection) => {
                self.connections.insert(key, connection);
            }
            Err(error) => log(&format!("cannot take a connection: {error}")),
        }
    }

    /// A process has ended.
    fn ended(&mut self, key: u32) {
        // Whoever is told of its end may ask what killed it: the kernel counts before it kills.
        self.out_of_memory();
        let Some(process) = self.processes.get_mut(&key) else {
            return;
        };
        let Some(exit) = process.reap(&self.poller) else {
            return;
        };
        if let Err(error) = crate::processes::end(&self.directory, &process.id, exit) {
            log(&format!("cannot keep how {:?} ended: {error}", process.id));
        }
        // Its root goes with it, so what it has started goes too.
        if let Some(groups) = process.groups.take()
            && let Err(failure) = engine::kill(&groups)
        {
            let (id, text) = (&process.id, failure.message);
            log(&format!("cannot kill what {id:?} has left: {text}"));
        }
        for waiter in std::mem::take(&mut process.waiters) {
            if let Some(connection) = self.connections.get_mut(&waiter) {
                connection.answer(&exit);
                connection.role = connection::Role::Leaving;
                connection.flush();
            }
        }
    }

    /// Init has ended, and the kernel has killed everything in its pid namespace.
    fn init_ended(&mut self) {
        self.out_of_memory();
        let Some(init) = &self.init else { return };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        use std::os::fd::AsFd;
        let exit = match rustix::process::waitid(WaitId::PidFd(init.as_fd()), options) {
            Ok(Some(status)) => Some(Exit::of(&status)),
            Ok(None) | Err(Errno::INTR) => return,
            Err(_) => None,
        };
        self.exit = exit;
        self.phase = Phase::Dead;
        if let Some(init) = self.init.take() {
            drop(self.poller.forget(init));
        }
    }

    fn out_of_memory(&mut self) {
        let Some(memory) = &mut self.memory else {
            return;
        };
        match memory.get_mut().kills() {
            Ok(kills) => {
                for _ in 0..kills.min(EVENTS as u64) {
                    self.events.push("oom".to_owned());
                }
                let surplus = self.events.len().saturating_sub(EVENTS);
                self.events.drain(..surplus);
            }
            Err(error) => {
                log(&format!(
                    "out of memory is no longer noticed: {}",
                    warren_lib_errchain::chain(&error)
                ));
                if let Some(memory) = self.memory.take() {
                    drop(self.poller.forget(memory));
                }
            }
        }
    }

    /// When there is something to do though nothing happens.
    fn deadline(&self) -> Option<Instant> {
        let readers = self.processes.values().filter_map(Process::deadline);
        readers
            .chain(self.stop.as_ref().map(Stop::next))
            .chain(self.kill.as_ref().map(|kill| kill.look))
            .chain(self.paused)
            .chain(self.memory_again())
            .min()
    }

    fn memory_again(&self) -> Option<Instant> {
        self.memory.as_ref().and_then(|memory| memory.get().again())
    }

    fn tick(&mut self, now: Instant) {
        for process in self.processes.values_mut() {
            process.expire(now);
        }
        self.step_stop(now);
        self.step_kill(now);
        if self.paused.is_some_and(|until| now >= until) {
            self.paused = None;
        }
        if self.memory_again().is_some_and(|at| now >= at) {
            self.out_of_memory();
        }
    }
}

fn other_text(text: String) -> Failure {
    Failure::new(FailureKind::Other, text)
}

/// A line in the container's `shim.log`, which is standard error.
fn log(text: &str) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    eprintln!("{} {text}", now.map_or(0, |now| now.as_secs()));
}
