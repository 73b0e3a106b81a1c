//! One group in every hierarchy: what a container or job is put into.
//!
//! On a v2 host a set is one directory. On a hybrid host it is the v2 directory (for identity,
//! device programs and `cgroup.kill`) and one directory per v1 hierarchy (for the limits), all of
//! the same name, each below the group that our own process has there.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::error::{Error, Step};
use crate::group::{Cgroup, kill_each};
use crate::layout::Layout;
use crate::limits::{Applied, ApplyError, Limits, Targets, apply};
use crate::locate::{LocateError, Process, locate_v1, locate_writable};
use crate::v1::V1Group;

/// Groups that are used as one.
#[derive(Debug)]
pub struct GroupSet {
    /// The v2 group, if the kernel has cgroup v2.
    pub v2: Option<Cgroup>,
    /// The groups in v1 hierarchies.
    pub v1: Vec<V1Group>,
    /// Hierarchies that are mounted but of no use: a limit that needs one fails.
    pub unusable: Vec<Unusable>,
}

/// A v1 hierarchy in which the process's group cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// Its controllers.
    pub controllers: Vec<String>,
    /// Why; `None` if it is mounted read-only.
    pub error: Option<LocateError>,
}

impl GroupSet {
    /// The groups of a process in all hierarchies that are visible and writable; the v2 one even
    /// if none is visible. What cannot be used is listed in [`GroupSet::unusable`].
    ///
    /// # Errors
    /// The kernel has cgroup v2, and the process's group in it cannot be reached.
    pub fn of(process: Process) -> Result<Self, LocateError> {
        let layout = Layout::discover()?;
        let mut set = Self {
            v2: None,
            v1: Vec::new(),
            unusable: Vec::new(),
        };
        set.v2 = match locate_writable(process, None) {
            Ok(found) => Some(found.group),
            Err(LocateError::NotInV2(_)) => None,
            Err(e) => return Err(e),
        };
        for hierarchy in &layout.v1 {
            let controllers = hierarchy.controllers.clone();
            if hierarchy.mount.read_only {
                set.unusable.push(Unusable {
                    controllers,
                    error: None,
                });
                continue;
            }
            match locate_v1(process, hierarchy) {
                Ok(group) => set.v1.push(group),
                Err(e) => set.unusable.push(Unusable {
                    controllers,
                    error: Some(e),
                }),
            }
        }
        Ok(set)
    }

    /// Makes a child of this name in every hierarchy, or opens those there are. If one cannot be
    /// made, those made before are removed again.
    ///
    /// # Errors
    /// The first failure.
    pub fn create(&self, name: &str) -> Result<Self, Error> {
        let mut made = Self {
            v2: None,
            v1: Vec::new(),
            unusable: Vec::new(),
        };
        let mut result = Ok(());
        // What was there before must stay there after a failure.
        let mut new = Self {
            v2: None,
            v1: Vec::new(),
            unusable: Vec::new(),
        };
        if let Some(parent) = &self.v2 {
            let was_there = parent.child(name).is_ok();
            match parent.create_or_open(name) {
                Ok(group) if was_there => made.v2 = Some(group),
                Ok(group) => {
                    made.v2 = Some(group);
                    new.v2 = parent.child(name).ok();
                }
                Err(e) => result = Err(e),
            }
        }
        for parent in &self.v1 {
            if result.is_err() {
                break;
            }
            let was_there = parent.child(name).is_ok();
            match parent.create_or_open(name) {
                Ok(group) => made.v1.push(group),
                Err(e) => result = Err(e),
            }
            if !was_there {
                new.v1.extend(parent.child(name));
            }
        }
        let Err(first) = result else { return Ok(made) };
        for group in new.v1 {
            // The failure that matters is the first one.
            let _secondary = group.remove(Duration::ZERO);
        }
        if let Some(group) = new.v2 {
            let _secondary = group.remove(Duration::ZERO);
        }
        Err(first)
    }

    /// Opens the children of this name.
    ///
    /// # Errors
    /// One of them does not exist.
    pub fn child(&self, name: &str) -> Result<Self, Error> {
        Ok(Self {
            v2: self
                .v2
                .as_ref()
                .map(|parent| parent.child(name))
                .transpose()?,
            v1: self
                .v1
                .iter()
                .map(|parent| parent.child(name))
                .collect::<Result<_, _>>()?,
            unusable: Vec::new(),
        })
    }

    /// Moves a process into every group.
    ///
    /// # Errors
    /// The first refusal; the process may then be in some of the groups.
    pub fn add(&self, pid: Pid) -> Result<(), Error> {
        for group in &self.v1 {
            group.add(pid)?;
        }
        self.v2.as_ref().map_or(Ok(()), |group| group.add(pid))
    }

    /// Sets limits, each in the hierarchy that has its controller.
    ///
    /// # Errors
    /// Names every limit that is not in force.
    pub fn limit(&self, limits: &Limits) -> Result<Vec<Applied>, ApplyError> {
        apply(
            Targets {
                v2: self.v2.as_ref(),
                v1: &self.v1,
            },
            limits,
        )
    }

    /// Stops all processes: by the v2 group, else by the v1 freezer.
    ///
    /// # Errors
    /// The time is up, or neither freezer is there.
    pub fn freeze(&self, limit: Duration) -> Result<(), Error> {
        match (
            &self.v2,
            self.v1.iter().find(|g| g.has_controller("freezer")),
        ) {
            (Some(group), freezer) if group.dir().has("cgroup.freeze") || freezer.is_none() => {
                group.freeze(limit)
            }
            (_, Some(freezer)) => freezer.freeze(limit),
            _ => Err(self.no_freezer()),
        }
    }

    /// Lets all processes run again, in both freezers.
    ///
    /// # Errors
    /// The time is up, or neither freezer is there.
    pub fn thaw(&self, limit: Duration) -> Result<(), Error> {
        let v2 = self
            .v2
            .as_ref()
            .filter(|group| group.dir().has("cgroup.freeze"));
        let v1 = self.v1.iter().find(|g| g.has_controller("freezer"));
        if v2.is_none() && v1.is_none() {
            return Err(self.no_freezer());
        }
        v2.map_or(Ok(()), |group| group.thaw(limit))?;
        v1.map_or(Ok(()), |group| group.thaw(limit))
    }

    /// Lets run what a v1 freezer holds in or below the groups: there even who was killed stays.
    ///
    /// # Errors
    /// The time is up.
    pub fn release(&self, limit: Duration) -> Result<(), Error> {
        let mut freezers = self.v1.iter().filter(|g| g.has_controller("freezer"));
        match freezers.find(|freezer| freezer.is_alive()) {
            Some(freezer) => freezer.thaw(limit).and_then(|()| freezer.thaw_below()),
            None => Ok(()),
        }
    }

    /// Whether there is a freezer.
    fn freezes(&self) -> bool {
        let v2 = self.v2.as_ref();
        v2.is_some_and(|group| group.dir().has("cgroup.freeze"))
            || self.v1.iter().any(|g| g.has_controller("freezer"))
    }

    fn no_freezer(&self) -> Error {
        let path = self
            .v2
            .as_ref()
            .map(Cgroup::path)
            .or(self.v1.first().map(V1Group::path));
        Error::kernel(
            Step::Freeze,
            path.unwrap_or("".as_ref()),
            rustix::io::Errno::NOENT,
        )
    }

    /// Kills every process in and below the groups, and waits until all are empty. A v1 freezer is
    /// thawed first: a process frozen there does not die.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] when the time is up.
    pub fn kill(&self, limit: Duration) -> Result<(), Error> {
        if let Some(group) = &self.v2 {
            self.release(limit)?;
            group.kill(limit)?;
        }
        // Whoever was only ever moved into a v1 group; all of them where there is no v2. The freezer
        // goes first: only there nobody can fork away meanwhile.
        let (freezer, others): (Vec<_>, Vec<_>) = self
            .v1
            .iter()
            .partition(|group| group.has_controller("freezer"));
        let mut all = freezer.into_iter().chain(others);
        all.try_for_each(|group| group.kill(limit))
    }

    /// Every process in and below the groups: those of the v2 one if there is one, else of all v1
    /// ones; 0 stands for one of another pid namespace.
    ///
    /// # Errors
    /// A group is gone.
    pub fn procs_below(&self) -> Result<Vec<i32>, Error> {
        if let Some(group) = &self.v2 {
            return group.procs_below();
        }
        let mut all = Vec::new();
        for group in &self.v1 {
            all.extend(group.procs_below()?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Sends SIGKILL to every process in and below the groups but `spared`, and does not wait for
    /// their ends. All are stopped meanwhile, so that who forks faster than signals come has no
    /// child that is missed. Takes `limit` at most to stop them, and to let them go again.
    ///
    /// Where there is no freezer it looks again until it finds nobody, for as long as `limit`.
    ///
    /// # Errors
    /// The processes cannot be stopped, listed, or let go. Those that were found are signalled.
    pub fn kill_all_but(&self, spared: Option<Pid>, limit: Duration) -> Result<(), Error> {
        let fine = |result: Result<(), Error>| match result {
            // Somebody is in the middle of a call that cannot be interrupted. The others stand still.
            Err(Error::Timeout { .. }) => Ok(()),
            Err(e) if e.is_gone() => Ok(()),
            other => other,
        };
        if !self.freezes() {
            let started = Instant::now();
            while self.signal_all_but(spared)? && started.elapsed() < limit {
                std::thread::yield_now();
            }
            return Ok(());
        }
        let stopped = fine(self.freeze(limit));
        let signalled = self.signal_all_but(spared).map(|_found| ());
        // Also after a failure: nobody must stay frozen.
        let going = fine(self.thaw(limit)).and(fine(self.release(limit)));
        stopped.and(fine(signalled)).and(going)
    }

    /// Signals each that is there now; whether there was any.
    fn signal_all_but(&self, spared: Option<Pid>) -> Result<bool, Error> {
        let mut pids = self.procs_below()?;
        pids.retain(|pid| Pid::from_raw(*pid).is_some_and(|pid| Some(pid) != spared));
        let any = !pids.is_empty();
        let v1 = self.v1.first().map(V1Group::path);
        let path = self.v2.as_ref().map(Cgroup::path).or(v1);
        kill_each(Ok(pids), path.unwrap_or("".as_ref())).map(|()| any)
    }

    /// Removes the groups, and all below them, in every hierarchy. Goes on after a failure.
    ///
    /// # Errors
    /// The first failure.
    pub fn remove(self, limit: Duration) -> Result<(), Error> {
        let mut result = Ok(());
        for group in self.v1 {
            result = result.and(group.remove(limit));
        }
        match self.v2 {
            Some(group) => result.and(group.remove(limit)),
            None => result,
        }
    }
}
