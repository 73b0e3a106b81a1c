//! Doing what is asked, and passing on what is for an actor further in.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout};
use std::time::Duration;

use super::network::{self, Listeners};
use super::program::{self, Running};
use super::{During, Failure, failure, setup, this_executable};
use crate::protocol::{Envelope, Opened, Reply, Request, Spec};

/// What an actor holds between requests.
#[derive(Debug, Default)]
pub(super) struct State {
    listeners: Listeners,
    programs: HashMap<u32, Running>,
    children: HashMap<u32, ChildActor>,
    last_id: u32,
}

/// An actor inside this one.
#[derive(Debug)]
struct ChildActor {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl State {
    /// The reply to a request, by whichever actor it is for.
    pub(super) fn answer(&mut self, mut envelope: Envelope) -> Reply {
        let result = if envelope.path.is_empty() {
            self.perform(envelope.request)
        } else {
            let id = envelope.path.remove(0);
            match self.children.get_mut(&id) {
                Some(child) => child.ask(&envelope),
                None => Err(failure("pass on a request", format!("no actor {id} here"))),
            }
        };
        result.unwrap_or_else(Reply::from)
    }

    fn perform(&mut self, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::Connect {
                address,
                timeout_ms,
            } => Ok(Reply::Connected(network::connect(
                address,
                Duration::from_millis(timeout_ms),
            ))),
            Request::Listen { address } => self.listeners.tcp(address).map(Reply::Listening),
            Request::ListenUdp { address } => self.listeners.udp(address).map(Reply::Listening),
            Request::Accepted { address } => self.listeners.accepted(address).map(Reply::Count),
            Request::SendUdp { address, payload } => {
                network::send_udp(address, &payload).map(|()| Reply::Done)
            }
            Request::Read { path } => fs::read(&path)
                .map(|bytes| Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
                .during(|| format!("read {}", path.display())),
            Request::Write { path, text } => write(&path, &text).map(|()| Reply::Done),
            Request::Open { path, write } => open(&path, write).map(Reply::Opened),
            Request::MakeDirectory { path } => fs::create_dir_all(&path)
                .map(|()| Reply::Done)
                .during(|| format!("make {}", path.display())),
            Request::RemoveDirectory { path } => fs::remove_dir(&path)
                .map(|()| Reply::Done)
                .during(|| format!("remove {}", path.display())),
            Request::MoveToCgroup { path } => setup::join_cgroup(&path).map(|()| Reply::Done),
            Request::SetIds { uid, gid } => setup::set_ids(uid, gid).map(|()| Reply::Done),
            Request::Run(program) => {
                let limit = Duration::from_millis(program.timeout_ms);
                program::start(&program)?.finish(limit).map(Reply::Ended)
            }
            Request::Start(program) => {
                let running = program::start(&program)?;
                let (id, pid) = (self.next_id(), running.pid());
                self.programs.insert(id, running);
                Ok(Reply::Started { id, pid })
            }
            Request::Finish {
                id,
                signal,
                timeout_ms,
            } => {
                let running = self.programs.remove(&id);
                let running = running.ok_or_else(|| failure("finish", "no such program"))?;
                if signal != 0 {
                    running.signal(signal)?;
                }
                running
                    .finish(Duration::from_millis(timeout_ms))
                    .map(Reply::Ended)
            }
            Request::Spawn(spec) => self.spawn(&spec),
            Request::Stop { id } => match self.children.remove(&id) {
                Some(child) => child.stop().map(|()| Reply::Done),
                None => Err(failure("stop", "no such actor")),
            },
        }
    }

    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    fn spawn(&mut self, spec: &Spec) -> Result<Reply, Failure> {
        let step = || "start an actor".to_owned();
        let argument = serde_json::to_string(spec).map_err(|error| failure(step(), error))?;
        let mut process = this_executable("serve")
            .arg(argument)
            .spawn()
            .during(step)?;
        let lost = || failure(step(), "a pipe is missing");
        let mut child = ChildActor {
            stdin: process.stdin.take().ok_or_else(lost)?,
            stdout: BufReader::new(process.stdout.take().ok_or_else(lost)?),
            process,
        };
        match child.hear() {
            Ok(Reply::Ready { pid, pid_namespace }) => {
                let id = self.next_id();
                self.children.insert(id, child);
                Ok(Reply::Spawned {
                    id,
                    pid,
                    pid_namespace,
                })
            }
            other => {
                child.stop()?;
                other
            }
        }
    }
}

impl ChildActor {
    fn ask(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let step = "pass on a request";
        let mut line = serde_json::to_vec(envelope).map_err(|error| failure(step, error))?;
        line.push(b'\n');
        self.stdin.write_all(&line).during(|| step.to_owned())?;
        self.hear()
    }

    fn hear(&mut self) -> Result<Reply, Failure> {
        let step = "hear from an actor";
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .during(|| step.to_owned())?;
        serde_json::from_str(&line).map_err(|error| failure(step, format!("{error} in {line:?}")))
    }

    fn stop(self) -> Result<(), Failure> {
        let ChildActor {
            mut process,
            stdin,
            stdout,
        } = self;
        drop((stdin, stdout));
        process
            .wait()
            .map(|_| ())
            .during(|| "wait for an actor".to_owned())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let step = || format!("write {text:?} to {}", path.display());
    let mut file = File::options().write(true).open(path).during(step)?;
    file.write_all(text.as_bytes()).during(step)
}

fn open(path: &Path, write: bool) -> Result<Opened, Failure> {
    match File::options().read(true).write(write).open(path) {
        Ok(_) => Ok(Opened::Ok),
        Err(error) => match error.raw_os_error() {
            Some(errno) => Ok(Opened::Errno(errno)),
            None => Err(failure(format!("open {}", path.display()), error)),
        },
    }
}
