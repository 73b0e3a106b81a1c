//! One service that is kept running.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, getpid, kill_process};

use super::{VARIABLE, backoff, log_file};
use crate::{log, say};

/// Where programs are found, if whoever started us did not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The service without which a machine is good for nothing.
const AGENT: &str = "agent";
/// After how many early ends in a row it is said that it does not stay up: some seconds.
const GIVEN_UP: u32 = 5;

/// What is to run.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, for logs.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Name of its log file.
    pub log: String,
}

enum State {
    Down(Instant),
    Up(Pid, Instant),
}

/// A service with what became of it.
pub(super) struct Kept {
    service: Service,
    log: PathBuf,
    state: State,
    early: u32,
}

impl Kept {
    pub(super) fn new(service: Service, logs: &Path) -> Self {
        let log = logs.join(&service.log);
        Self {
            service,
            log,
            state: State::Down(Instant::now()),
            early: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.service.name
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Up(pid, _) => Some(pid),
            State::Down(_) => None,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Down(at) => Some(at),
            State::Up(..) => None,
        }
    }

    pub(super) fn start_if_due(&mut self, now: Instant) {
        if self.due().is_some_and(|at| at <= now) {
            match self.start() {
                Ok(pid) => {
                    say!(
                        "init",
                        "started {} as {}",
                        self.name(),
                        pid.as_raw_nonzero()
                    );
                    self.state = State::Up(pid, now);
                }
                Err(error) => {
                    say!("init", "cannot start {}: {error}", self.name());
                    self.early += 1;
                    let pause = backoff::pause(std::time::Duration::ZERO, self.early);
                    self.state = State::Down(now + pause);
                    self.give_up_if_due(&format!("not started at all: {error}"));
                }
            }
        }
    }

    fn start(&self) -> std::io::Result<Pid> {
        let log = log_file::open(&self.log)?;
        let mut command = Command::new(&self.service.program);
        if self.service.program.starts_with("/proc/self") {
            // A name under which this executable is itself, whatever it was called by.
            command.arg0("warren");
        }
        command
            .args(&self.service.arguments)
            .env(VARIABLE, getpid().as_raw_nonzero().to_string())
            // What it starts is in its group, and not in ours.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if std::env::var_os("PATH").is_none() {
            command.env("PATH", PATH);
        }
        // Its end is taken with those of all others.
        command.spawn().map(|child| Pid::from_child(&child))
    }

    pub(super) fn ended(&mut self, how: &str) {
        let State::Up(_, since) = self.state else {
            return;
        };
        let ran = since.elapsed();
        self.early = if backoff::is_early(ran) {
            self.early + 1
        } else {
            0
        };
        let pause = backoff::pause(ran, self.early);
        say!(
            "init",
            "{} ended {how} after {} s, again in {} ms",
            self.name(),
            ran.as_secs(),
            pause.as_millis()
        );
        self.state = State::Down(Instant::now() + pause);
        self.give_up_if_due(how);
    }

    /// Says so in the agent's own log, where its director looks when it does not answer: a word that only the
    /// agent writes there, when it cannot get on, ends the waiting. It is started again all the same.
    fn give_up_if_due(&self, how: &str) {
        if self.early != GIVEN_UP || self.name() != AGENT {
            return;
        }
        match log_file::open(&self.log) {
            Ok(mut file) => log::line_to(
                &mut file,
                "init",
                format_args!(
                    "FATAL: {} ended {GIVEN_UP} times soon after its start, last {how}",
                    self.name()
                ),
            ),
            Err(error) => say!("init", "cannot write to {}: {error}", self.log.display()),
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // It may have ended by now.
            let _ = kill_process(pid, signal);
        }
    }

    pub(super) fn rotate(&self) {
        if let Err(error) = log_file::rotate(&self.log) {
            say!("init", "cannot cut {}: {error}", self.log.display());
        }
    }
}
