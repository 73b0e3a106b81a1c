//! What a connection's first frame asks for.

use std::path::Path;
use std::time::Instant;

use rustix::process::{Resource, getrlimit};

use super::Shim;
use super::archive::Job;
use super::connection::{Connection, Role};
use super::engine::{Engine, other};
use super::process::{Ends, Process};
use super::stop::{LOOK, Stop};
use super::{DYING, Kill, log};
use crate::frame::Frame;
use crate::processes;
use crate::spec::ProcessSpec;
use crate::wire::{self, Failure, FailureKind, Phase, Request, Started, State};

impl<E: Engine> Shim<E> {
    /// Acts on a request: answers it, or gives the connection the role in which it waits.
    pub(super) fn request(&mut self, key: u32, connection: &mut Connection, json: &[u8]) {
        let request = match serde_json::from_slice(json) {
            Ok(request) => request,
            Err(error) => {
                let text = format!("this is no request: {error}");
                connection.refuse(&Failure::new(FailureKind::Invalid, text));
                return;
            }
        };
        if let Err(failure) = self.act(key, connection, request) {
            connection.refuse(&failure);
        }
    }

    fn act(
        &mut self,
        key: u32,
        connection: &mut Connection,
        request: Request,
    ) -> Result<(), Failure> {
        // What has an answer and no more to say; the others set their own role.
        connection.role = Role::Leaving;
        match request {
            Request::Start => {
                let remarks = self.start()?;
                connection.answer(&remarks);
            }
            Request::Run { process, resumes } => self.run(key, connection, *process, resumes)?,
            Request::Attach { id, resumes } => self.attach(key, connection, id, resumes)?,
            Request::Wait { id } => self.wait(key, connection, &id)?,
            Request::Signal { id, signal } => {
                self.signal(&id, signal)?;
                connection.answer(&());
            }
            Request::Stop { kill } => {
                self.refuse_if_dying()?;
                connection.role = Role::Waiting;
                self.stoppers.push(key);
                self.stopped = true;
                let now = Instant::now();
                match &mut self.stop {
                    Some(stop) if kill => stop.hurry(now),
                    Some(_) => {}
                    none => *none = Some(Stop::begin(kill, self.times.stopping, now)),
                }
            }
            Request::State => connection.answer(&self.state()),
            Request::Processes => connection.answer(&self.list()),
            Request::StreamIn { user, destination } => {
                self.refuse_unless_running()?;
                self.refuse_if_crowded()?;
                let job = self.key();
                let destination = Path::new(&destination);
                let made = Job::unpack(
                    &self.engine,
                    job,
                    key,
                    connection.socket(),
                    &user,
                    destination,
                );
                let made = made.map_err(of_stream)?;
                self.jobs.insert(job, made);
                connection.role = Role::Unpacking { job };
                connection.answer(&());
            }
            Request::StreamOut { user, source } => {
                self.refuse_unless_running()?;
                self.refuse_if_crowded()?;
                let job = self.key();
                let made = Job::pack(&self.engine, job, key, &user, Path::new(&source));
                let made = made.map_err(of_stream)?;
                self.jobs.insert(job, made);
                connection.role = Role::Packing { job };
                connection.answer(&());
            }
            Request::Kill => {
                connection.role = Role::Waiting;
                self.killers.push(key);
                self.kill(Instant::now());
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Vec<String>, Failure> {
        self.refuse_if_dying()?;
        match self.phase {
            Phase::Created => {}
            Phase::Running => {
                let text = "the container has been started already";
                return Err(Failure::new(FailureKind::Invalid, text));
            }
            Phase::Dead => return Err(not_running("its init has ended")),
        }
        let remarks = self.engine.start()?;
        self.phase = Phase::Running;
        Ok(remarks)
    }

    fn run(
        &mut self,
        key: u32,
        connection: &mut Connection,
        mut spec: ProcessSpec,
        resumes: bool,
    ) -> Result<(), Failure> {
        self.refuse_unless_running()?;
        if spec.id.is_empty() {
            let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
            let id = id.map_err(|error| other(&error))?;
            id.trim_end().clone_into(&mut spec.id);
        }
        if processes::exists(&self.directory, &spec.id) {
            let text = format!("process ID '{}' already in use", spec.id);
            return Err(Failure::new(FailureKind::ProcessExists, text));
        }
        let (ends, stdio) = match spec.terminal {
            None => Ends::pipes(),
            Some(size) => {
                let (master, slave) = self.engine.terminal(size)?;
                Ends::terminal(master, slave)
            }
        }
        .map_err(|errno| other(&errno))?;
        processes::begin(&self.directory, &spec.id, &spec).map_err(|error| other(&error))?;
        let number = self.key();
        let spawned = match spec.own_root {
            None => self.engine.spawn(&spec, stdio).map(|pid| (pid, None)),
            Some(_) => {
                let spawned = self.engine.spawn_with_root(&spec, stdio);
                spawned.map(|spawned| (spawned.pid, Some(spawned.groups)))
            }
        };
        let made = spawned.and_then(|(pid, groups)| {
            let patience = self.times.reading;
            let made = Process::new(number, spec.id.clone(), pid, ends, patience);
            let mut process = made.map_err(|errno| other(&errno))?;
            process.groups = groups;
            Ok(process)
        });
        let mut process = match made {
            Ok(process) => process,
            Err(failure) => {
                // So that the id can be used for another attempt.
                if let Err(error) = processes::forget(&self.directory, &spec.id) {
                    log(&format!("cannot forget process {:?}: {error}", spec.id));
                }
                return Err(failure);
            }
        };
        process.join(key, resumes, Instant::now());
        connection.role = Role::Session {
            process: number,
            first: true,
            resumes,
        };
        connection.answer(&Started {
            id: process.id.clone(),
            pid: process.pid.as_raw_nonzero().get(),
            resumes: true,
        });
        self.processes.insert(number, process);
        Ok(())
    }

    fn attach(
        &mut self,
        key: u32,
        connection: &mut Connection,
        id: String,
        resumes: bool,
    ) -> Result<(), Failure> {
        let running = self.processes.iter_mut().find(|(_, each)| each.id == id);
        if let Some((number, process)) = running {
            process.join(key, resumes, Instant::now());
            connection.role = Role::Session {
                process: *number,
                first: false,
                resumes,
            };
            let ended = process.exit.is_some();
            connection.answer(&Started {
                id,
                pid: if ended {
                    0
                } else {
                    process.pid.as_raw_nonzero().get()
                },
                resumes: true,
            });
            return Ok(());
        }
        let ended = processes::ended(&self.directory, &id).ok_or_else(|| no_process(&id))?;
        connection.answer(&Started {
            id,
            pid: 0,
            resumes: true,
        });
        connection.send(&Frame::Exit(ended));
        Ok(())
    }

    /// Answers at a process's end, which may have been long ago.
    fn wait(&mut self, key: u32, connection: &mut Connection, id: &str) -> Result<(), Failure> {
        let mut all = self.processes.values_mut();
        match all.find(|each| each.id == id && each.exit.is_none()) {
            Some(process) => {
                process.waiters.push(key);
                connection.role = Role::Waiting;
            }
            None => {
                let ended = processes::ended(&self.directory, id).ok_or_else(|| no_process(id))?;
                connection.answer(&ended);
            }
        }
        Ok(())
    }

    fn signal(&mut self, id: &str, signal: i32) -> Result<(), Failure> {
        match self.processes.values().find(|each| each.id == id) {
            Some(process) => process
                .signal(signal)
                .map_err(|errno| Failure::new(FailureKind::Invalid, errno.to_string())),
            None if processes::exists(&self.directory, id) => Ok(()),
            None => Err(no_process(id)),
        }
    }

    fn state(&self) -> State {
        State {
            phase: self.phase,
            stopped: self.stopped,
            init: match self.phase {
                Phase::Dead => 0,
                _ => self.init_pid.as_raw_nonzero().get(),
            },
            exit: self.exit,
            events: self.events.clone(),
        }
    }

    fn list(&self) -> Vec<wire::Process> {
        let mut all = processes::read(&self.directory);
        for running in self.processes.values().filter(|each| each.exit.is_none()) {
            if let Some(found) = all.iter_mut().find(|each| each.id == running.id) {
                found.pid = running.pid.as_raw_nonzero().get();
            }
        }
        all
    }

    /// Kills everything; the loop ends when that is done.
    pub(super) fn kill(&mut self, now: Instant) {
        self.kill = Some(Kill {
            until: now + DYING,
            look: now,
            pause: LOOK.0,
        });
        self.stop = None;
        for key in std::mem::take(&mut self.stoppers) {
            let failure = Failure::new(FailureKind::Destroying, "the container is being destroyed");
            self.conclude(key, &Err(failure));
        }
        if let Err(failure) = self.engine.kill() {
            log(&format!("cannot kill all at once: {}", failure.message));
        }
        // With it the kernel kills its whole pid namespace.
        if let Some(init) = &self.init {
            let signal = rustix::process::Signal::KILL;
            let _may_have_ended = rustix::process::pidfd_send_signal(init, signal);
        }
    }

    fn refuse_if_dying(&self) -> Result<(), Failure> {
        match self.kill {
            None => Ok(()),
            Some(_) => Err(Failure::new(
                FailureKind::Destroying,
                "the container is being destroyed",
            )),
        }
    }

    /// Archives whose clients do nothing must leave what stopping and destroying need.
    fn refuse_if_crowded(&self) -> Result<(), Failure> {
        let most = archives(getrlimit(Resource::Nofile).current);
        if self.jobs.len() < most {
            return Ok(());
        }
        let text = format!(
            "{most} archives are on their way into or out of the container already; try again when \
             one of them is through"
        );
        Err(Failure::new(FailureKind::Stream, text))
    }

    fn refuse_unless_running(&self) -> Result<(), Failure> {
        self.refuse_if_dying()?;
        match self.phase {
            Phase::Running => Ok(()),
            Phase::Created => Err(not_running("its init has not been started")),
            Phase::Dead => Err(not_running("its init has ended")),
        }
    }
}

/// How many archives a shim with so many descriptors has on their way at once: each takes up to eight.
fn archives(descriptors: Option<u64>) -> usize {
    let most = descriptors.unwrap_or(u64::MAX) / 16;
    usize::try_from(most.clamp(4, 1024)).unwrap_or(usize::MAX)
}

/// A directory that cannot be made is the archive's failure as much as one in it.
fn of_stream(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::Other => Failure {
            kind: FailureKind::Stream,
            ..failure
        },
        _ => failure,
    }
}

fn not_running(text: &str) -> Failure {
    Failure::new(FailureKind::NotRunning, text)
}

fn no_process(id: &str) -> Failure {
    Failure::new(
        FailureKind::ProcessNotFound,
        format!("unknown process: {id}"),
    )
}
