//! What the shim asks of an engine.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use warren_container_runtime::engine::{Container, SpawnError, Spawned, Stdio};
use warren_container_runtime::users::LookupError;
use warren_lib_errchain::chain;
use warren_sys_cgroup::GroupSet;
use warren_sys_process::namespaces::Kind;

use super::log;
use super::memory::Memory;
use crate::spec::{ProcessSpec, Terminal};
use crate::wire::{Failure, FailureKind};

/// How long who is killed may take to stand still, during which the loop does nothing else. It takes a
/// millisecond, but for who is in the middle of a call that cannot be interrupted.
const STANDING: Duration = Duration::from_millis(50);

/// A container, as the shim sees it. All processes that this starts are the caller's children.
pub(crate) trait Engine {
    /// The first process.
    fn init(&self) -> Pid;
    /// Has init execute its program; answers what could not be done as it was asked for.
    fn start(&mut self) -> Result<Vec<String>, Failure>;
    /// The container's network namespace.
    fn net_namespace(&self) -> Option<OwnedFd>;
    /// A terminal of the container's own: master and slave.
    fn terminal(&self, size: Terminal) -> Result<(OwnedFd, OwnedFd), Failure>;
    /// Starts a process; it has executed its program.
    fn spawn(&self, process: &ProcessSpec, stdio: Stdio) -> Result<Pid, Failure>;
    /// Starts a process with a root directory of its own.
    fn spawn_with_root(&self, process: &ProcessSpec, stdio: Stdio) -> Result<Spawned, Failure>;
    /// Runs `work` inside, as a user, in its home or in a directory that is made for it.
    fn within(
        &self,
        user: &str,
        directory: Option<&Path>,
        work: impl FnOnce() -> i32,
    ) -> Result<Pid, Failure>;
    /// All processes in the container but init.
    fn members(&self) -> Result<Vec<Pid>, Failure>;
    /// Sends SIGKILL to all processes in the container but init, without waiting for their ends.
    fn kill_members(&self) -> Result<(), Failure>;
    /// Sends SIGKILL to everything in the container, without waiting.
    fn kill(&self) -> Result<(), Failure>;
    /// Watches for processes that are killed for memory.
    fn watch_memory(&self) -> Result<Option<Memory>, Failure>;
}

impl Engine for Container {
    fn init(&self) -> Pid {
        self.init()
    }

    fn start(&mut self) -> Result<Vec<String>, Failure> {
        let told = self.remarks().len();
        Container::start(self).map_err(|error| other(&error))?;
        let new = self.remarks().get(told..).unwrap_or_default();
        new.iter().for_each(|text| log(text));
        Ok(new.to_vec())
    }

    fn net_namespace(&self) -> Option<OwnedFd> {
        let link = self.namespace(Kind::Net)?;
        link.try_clone_to_owned().ok()
    }

    fn terminal(&self, size: Terminal) -> Result<(OwnedFd, OwnedFd), Failure> {
        let terminal = Container::terminal(self, size).map_err(|error| refused(&error))?;
        Ok((terminal.master, terminal.slave))
    }

    fn spawn(&self, process: &ProcessSpec, stdio: Stdio) -> Result<Pid, Failure> {
        Container::spawn(self, process, stdio).map_err(|error| refused(&error))
    }

    fn spawn_with_root(&self, process: &ProcessSpec, stdio: Stdio) -> Result<Spawned, Failure> {
        Container::spawn_with_root(self, process, stdio).map_err(|error| refused(&error))
    }

    fn within(
        &self,
        user: &str,
        directory: Option<&Path>,
        work: impl FnOnce() -> i32,
    ) -> Result<Pid, Failure> {
        let pid = match directory {
            None => Container::within(self, user, |_| work()),
            Some(directory) => self.within_directory(user, directory, |_| work()),
        };
        pid.map_err(|error| refused(&error))
    }

    fn members(&self) -> Result<Vec<Pid>, Failure> {
        let init = self.init().as_raw_nonzero().get();
        Ok(pids(self.groups())?
            .into_iter()
            // 0 is a process of another pid namespace, which somebody put there.
            .filter(|pid| *pid != init)
            .filter_map(Pid::from_raw)
            .collect())
    }

    fn kill_members(&self) -> Result<(), Failure> {
        let killed = self.groups().kill_all_but(Some(self.init()), STANDING);
        killed.map_err(|error| other(&error))
    }

    fn kill(&self) -> Result<(), Failure> {
        kill(self.groups())
    }

    fn watch_memory(&self) -> Result<Option<Memory>, Failure> {
        match Memory::v1(self.groups()) {
            Ok(None) => Container::watch_memory(self).map(|watcher| watcher.map(Memory::of)),
            found => found,
        }
        .map_err(|error| other(&error))
    }
}

/// Sends SIGKILL to everything in and below the groups, without waiting for their ends.
pub(super) fn kill(groups: &GroupSet) -> Result<(), Failure> {
    let at_once = groups.v2.as_ref();
    let killed = match at_once.is_some_and(|group| group.write("cgroup.kill", "1").is_ok()) {
        true => groups.release(STANDING),
        false => groups.kill_all_but(None, STANDING),
    };
    killed.map_err(|error| other(&error))
}

/// Everything in and below the groups: in v2 if there is one, else in the v1 ones together.
pub(super) fn pids(groups: &GroupSet) -> Result<Vec<i32>, Failure> {
    let found = groups.procs_below();
    found.map_err(|error| other(&error))
}

pub(super) fn other(error: &dyn std::error::Error) -> Failure {
    Failure::new(FailureKind::Other, chain(error))
}

fn refused(error: &SpawnError) -> Failure {
    let kind = match error {
        SpawnError::NotFound { .. } => FailureKind::ExecutableNotFound,
        SpawnError::User(LookupError::NoUser(_) | LookupError::NoGroup(_)) => {
            FailureKind::UnknownUser
        }
        SpawnError::NotRunning => FailureKind::NotRunning,
        _ => FailureKind::Other,
    };
    Failure::new(kind, chain(error))
}
