//! A container, from its keeper's side: the interface of the engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::Pid;
use warren_sys_cgroup::{Error as CgroupError, GroupSet, OomWatcher};
use warren_sys_process::namespaces::Kind;

use super::channel::Channel;
use super::error::{Error, SpawnError};
use super::external::{self, External};
use super::seccomp::Filter;
use super::terminal::Terminal;
use super::{create, own_root, spawn};
use crate::groups::{Groups, Place};
use crate::oci::Spec;
use crate::spec::{ContainerSpec, ProcessSpec, Resource};

/// What a bundle does not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The groups in which the container's own are made.
    pub parent: Place,
    /// Whose device filter holds.
    pub devices: Devices,
    /// The first process.
    pub first: First,
    /// Who makes it instead of the built-in engine; `first` then stays as by default.
    pub external: Option<External>,
}

/// Whose device filter holds for a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Devices {
    /// Its own, and those of the groups above.
    #[default]
    Own,
    /// Those of the groups above alone.
    Inherited,
}

/// The first process, beside what the bundle says of it. By default it is one that keeps a
/// container alive for others: bound to the keeper, without streams, the last to be killed.
#[derive(Debug, Clone, Default)]
pub struct First {
    /// Its input, output and errors; `/dev/null` if absent.
    pub stdio: Option<Arc<[OwnedFd; 3]>>,
    /// Whether it goes on when the keeper ends.
    pub outlives_keeper: bool,
    /// Whether it is the container's work itself: killed as others are when memory is used up, and
    /// free to do without namespaces of pids and mounts.
    pub is_the_work: bool,
    /// Resource limits, soft and hard alike; what is absent is inherited.
    pub rlimits: BTreeMap<Resource, u64>,
}

impl Options {
    /// As the container is wanted, made by the built-in engine; see [`External::of`].
    #[must_use]
    pub fn of(spec: &ContainerSpec) -> Self {
        Self {
            parent: spec.cgroup.parent.clone(),
            ..Self::default()
        }
    }
}

/// Where a process reads and writes. The descriptors are closed here once it has them.
#[derive(Debug)]
pub enum Stdio {
    /// Three descriptors.
    Files {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// The slave end of a terminal ([`Container::terminal`]), all three, and the process's
    /// controlling terminal.
    Terminal(OwnedFd),
}

/// A process that has groups of its own, which go only when somebody destroys them.
#[derive(Debug)]
pub struct Spawned {
    /// It.
    pub pid: Pid,
    /// Its groups; it and all it starts are in them or below.
    pub groups: GroupSet,
}

/// What code that runs inside a container is told: see [`Container::within`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Its user id there.
    pub uid: u32,
    /// Its group id there.
    pub gid: u32,
    /// Its home directory.
    pub home: PathBuf,
}

/// What an init waits for.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A message of ours.
    Engine(Channel),
    /// A runtime's word.
    External(Box<external::Waiting>),
}

/// A container. Dropping it does nothing to it; see [`groups::destroy`](crate::groups::destroy).
#[derive(Debug)]
pub struct Container {
    pub(super) init: Pid,
    pub(super) groups: Groups,
    /// The groups in which its own were made.
    pub(super) parent: Place,
    /// How init is told to execute its program, until it has.
    pub(super) waiting: Option<Waiting>,
    /// Of init, in the order in which they are joined.
    pub(super) namespaces: Vec<(Kind, File)>,
    /// The container's own instance of devpts.
    pub(super) terminals: OwnedFd,
    pub(super) bundle: Spec,
    pub(super) filter: Filter,
    /// What processes get if init's cannot be lowered.
    pub(super) oom_score: Option<i32>,
}

impl Container {
    /// Makes a container as far as its first process, which then waits for [`Container::start`].
    ///
    /// # Errors
    /// [`Error`]; then no process and no group is left.
    pub fn create(bundle: &Spec, options: &Options) -> Result<Self, Error> {
        Self::create_telling(bundle, options, &mut |_| {})
    }

    /// The same, and shows the network namespace to `tell` as soon as links may be put into it, while
    /// the first process still makes its mounts. That is left out where it would have to wait for
    /// something else: for an external runtime, or for kernel parameters that new links take over.
    ///
    /// # Errors
    /// As [`create`](Self::create); what was shown is of no use then.
    pub fn create_telling(
        bundle: &Spec,
        options: &Options,
        tell: &mut dyn FnMut(BorrowedFd<'_>),
    ) -> Result<Self, Error> {
        match &options.external {
            None => create::create(bundle, options, tell),
            Some(external) => external::create(bundle, options, external),
        }
    }

    /// A container made by another keeper whose first process is running, for starting more
    /// processes in it. The bundle must be the one it was made of.
    ///
    /// # Errors
    /// It has ended, or its namespaces or groups cannot be opened.
    pub fn reopen(bundle: &Spec, init: Pid, place: &Place) -> Result<Self, Error> {
        super::reopen::reopen(bundle, init, place)
    }

    /// The first process, as the keeper sees it.
    #[must_use]
    pub fn init(&self) -> Pid {
        self.init
    }

    /// Where the groups are: enough to destroy the container without its keeper.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.groups.place
    }

    /// The groups with the container's limits.
    #[must_use]
    pub fn groups(&self) -> &GroupSet {
        &self.groups.outer
    }

    /// What could not be had and was not asked for by name, for a log.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.groups.remarks
    }

    /// One of init's namespaces; `None` if the container shares it with the keeper.
    #[must_use]
    pub fn namespace(&self, kind: Kind) -> Option<BorrowedFd<'_>> {
        let found = self.namespaces.iter().find(|(each, _)| *each == kind);
        found.map(|(_, file)| file.as_fd())
    }

    /// Watches for OOM kills. `None` if no group has the memory controller. With cgroup v1 the kill
    /// of a process that a manager inside has put into a group of its own is not heard.
    ///
    /// # Errors
    /// No watch can be had.
    pub fn watch_memory(&self) -> Result<Option<OomWatcher>, CgroupError> {
        // v1 counts a kill where the victim is, and nowhere above.
        let mut v1 = self.groups.init.v1.iter();
        if let Some(group) = v1.find(|group| group.has_controller("memory")) {
            return OomWatcher::v1(group).map(Some);
        }
        match &self.groups.outer.v2 {
            Some(group) if group.controllers()?.iter().any(|c| c == "memory") => {
                OomWatcher::v2(group).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Has init execute its program.
    ///
    /// # Errors
    /// [`Error`]; then init is dead.
    pub fn start(&mut self) -> Result<(), Error> {
        match self.waiting.take().ok_or(Error::Started)? {
            Waiting::Engine(channel) => create::start(self.init, &channel),
            Waiting::External(waiting) => waiting.start(self.init, &mut self.groups),
        }
    }

    /// Opens a terminal of the container's own, so that its name is right inside.
    ///
    /// # Errors
    /// The container has as many terminals as it may have.
    pub fn terminal(&self, size: crate::spec::Terminal) -> Result<Terminal, SpawnError> {
        Terminal::open(self.terminals.as_fd(), size)
    }

    /// Starts a process and returns when its program has been executed. Its environment is the
    /// container's and its own, with `PATH`, `USER` and `HOME` put in if they are missing.
    ///
    /// # Errors
    /// [`SpawnError`]; then the child is dead and has been waited for.
    pub fn spawn(&self, process: &ProcessSpec, stdio: Stdio) -> Result<Pid, SpawnError> {
        spawn::program(self, process, stdio)
    }

    /// Starts a process with a root directory of its own, as [`ProcessSpec::own_root`] wants it,
    /// which must be there. Its environment is that of its image and its own; it begins in `/` if
    /// nothing else is said.
    ///
    /// # Errors
    /// [`SpawnError`]; then the child is dead and has been waited for, and its groups are gone.
    pub fn spawn_with_root(
        &self,
        process: &ProcessSpec,
        stdio: Stdio,
    ) -> Result<Spawned, SpawnError> {
        own_root::program(self, process, stdio)
    }

    /// Runs `work` inside the container in a child, as a user and with what that user may do, in
    /// its home directory, and returns when it is about to begin. The child ends with the number
    /// that `work` returns; its descriptors are those of the keeper.
    ///
    /// # Errors
    /// [`SpawnError`]; then the child is dead and has been waited for.
    pub fn within(&self, user: &str, work: impl FnOnce(&Inside) -> i32) -> Result<Pid, SpawnError> {
        spawn::work(self, user, None, work)
    }

    /// As [`Container::within`], in the directory given, which is relative to the home directory,
    /// and made with its parents, for the user, if it is missing.
    ///
    /// # Errors
    /// As [`Container::within`].
    pub fn within_directory(
        &self,
        user: &str,
        directory: &Path,
        work: impl FnOnce(&Inside) -> i32,
    ) -> Result<Pid, SpawnError> {
        spawn::work(self, user, Some(directory), work)
    }
}
