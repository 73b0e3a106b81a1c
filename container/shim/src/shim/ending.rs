//! Stopping and killing, as time goes by.

use std::time::Instant;

use rustix::process::{Pid, Signal};

use super::connection::Role;
use super::engine::{self, Engine, pids};
use super::stop::{LOOK, Step, Stop};
use super::{Shim, log, other_text};
use crate::wire::{Failure, Phase};

impl<E: Engine> Shim<E> {
    /// Goes on with a stop.
    pub(super) fn step_stop(&mut self, now: Instant) {
        let due = self.stop.as_ref().map(Stop::next);
        if due.is_none_or(|due| now < due && self.phase != Phase::Dead) {
            return;
        }
        let members = match self.phase {
            Phase::Dead => Ok(Vec::new()),
            _ => self.members(),
        };
        let Some(stop) = &mut self.stop else { return };
        let outcome = match members {
            Err(failure) => Err(failure),
            Ok(members) => match stop.step(members.len(), now) {
                Step::Wait => return,
                Step::Term => {
                    for pid in members {
                        let _may_have_ended = rustix::process::kill_process(pid, Signal::TERM);
                    }
                    return;
                }
                Step::Kill => return self.kill_members(),
                Step::Done => Ok(()),
                Step::Failed => Err(other_text(format!(
                    "{} processes survive SIGKILL, {} among them",
                    members.len(),
                    members.first().map_or(0, |pid| pid.as_raw_nonzero().get()),
                ))),
            },
        };
        self.stop = None;
        for key in std::mem::take(&mut self.stoppers) {
            self.conclude(key, &outcome);
        }
    }

    /// All processes but init, with those that have groups elsewhere.
    fn members(&self) -> Result<Vec<Pid>, Failure> {
        let mut all = self.engine.members()?;
        for groups in self
            .processes
            .values()
            .filter_map(|each| each.groups.as_ref())
        {
            all.extend(pids(groups)?.into_iter().filter_map(Pid::from_raw));
        }
        all.sort_unstable_by_key(|pid| pid.as_raw_nonzero());
        all.dedup();
        Ok(all)
    }

    /// Kills them. Who is left in spite of a failure is found at the next look, and told in the end.
    fn kill_members(&self) {
        let peas = self.processes.values();
        let peas = peas.filter_map(|each| each.groups.as_ref());
        let peas = peas.map(engine::kill);
        for failure in peas
            .chain([self.engine.kill_members()])
            .filter_map(Result::err)
        {
            log(&format!("cannot kill all at once: {}", failure.message));
        }
    }

    /// Looks whether everything is dead.
    pub(super) fn step_kill(&mut self, now: Instant) {
        let Some(kill) = &mut self.kill else { return };
        if now >= kill.look {
            kill.look = now + kill.pause;
            kill.pause = (kill.pause * 2).min(LOOK.1);
        }
        let until = kill.until;
        // Init is the last to end; but somebody may have been put into the group from outside.
        let left = match self.phase {
            Phase::Dead if self.killed_all() => 0,
            _ => 1,
        };
        let outcome = if left == 0 {
            Ok(())
        } else if now >= until {
            Err(other_text(
                "the container's processes survive SIGKILL".to_owned(),
            ))
        } else {
            return;
        };
        self.kill = None;
        for key in std::mem::take(&mut self.killers) {
            self.conclude(key, &outcome);
        }
        self.done = outcome.is_ok();
    }

    fn killed_all(&self) -> bool {
        self.engine
            .members()
            .map_or(true, |members| members.is_empty())
    }

    /// Answers whoever waits, at once as far as the socket takes it.
    pub(super) fn conclude(&mut self, key: u32, outcome: &Result<(), Failure>) {
        if let Some(connection) = self.connections.get_mut(&key) {
            match outcome {
                Ok(()) => {
                    connection.answer(&());
                    connection.role = Role::Leaving;
                }
                Err(failure) => connection.refuse(failure),
            }
            connection.flush();
        }
    }
}
