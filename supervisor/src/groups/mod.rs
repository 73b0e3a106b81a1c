//! A control group for each service, so that a firewall that goes by groups tells services apart.
//!
//! ```text
//! BASE                        the supervisor's own group, or the one above (see `plan::base`)
//! ├─ init/                    what was in BASE, where it had to make room
//! └─ warren-jobs-ID/          there while there is one below
//!    └─ warren-job-SERVICE/   every program of the service, and what these start
//! ```
//!
//! Only cgroup v2 is used, because its groups are what the firewall compares; in v1 hierarchies
//! services stay where the supervisor is. Nothing is limited. A program enters its group before it is
//! executed, so no socket of it is ever of another group. A group is removed when nothing runs in it.
//!
//! BASE hands on the controllers that it has, since a service may be a manager of containers; where
//! that needs BASE to be empty, what is in it moves to `init`, as bpm and Garden do it as well.
//!
//! Groups are found again by name: ID is the supervisor's identity, which its state file keeps. Where
//! no group can be had, programs start where the supervisor is, and the log says so once.

mod plan;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat};
use warren_lib_errchain::chain;
use warren_sys_cgroup::locate::{LocateError, Located, Process, locate_path, locate_writable};
use warren_sys_cgroup::proc_file::ProcFileError;
use warren_sys_cgroup::{Cgroup, NsPath, ProcessCgroups};

use self::plan::{LEAF, Owner};
use crate::log::Log;

/// What containers' limits need.
const CONTROLLERS: [&str; 5] = ["cpu", "io", "memory", "pids", "cpuset"];
/// How long moving processes may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether services have groups of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grouping {
    /// They are in the supervisor's.
    #[default]
    Shared,
    /// Each has its own, where that can be had.
    Each,
}

/// The groups of a supervisor's services.
pub(crate) struct Groups {
    name: Option<String>,
    log: Log,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    base: Option<Cgroup>,
    /// There is nothing of an earlier supervisor.
    swept: bool,
    /// Whether what cannot be had has been told.
    told: bool,
}

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("the supervisor's own control group is unknown")]
    Own(#[from] ProcFileError),
    #[error("this kernel has no cgroup v2")]
    NoV2,
    #[error("cannot reach the control group {0:?}")]
    Locate(String, #[source] LocateError),
    #[error("the name is too long")]
    Long,
    #[error("cannot make the control group")]
    Group(#[from] warren_sys_cgroup::Error),
    #[error("cannot open {0} of the control group")]
    Open(&'static str, #[source] rustix::io::Errno),
}

impl Groups {
    /// The groups of the supervisor with this identity. Nothing is made yet.
    pub fn new(grouping: Grouping, id: &str, log: Log) -> Groups {
        Groups {
            name: (grouping == Grouping::Each).then(|| plan::all(id)),
            log,
            state: Mutex::default(),
        }
    }

    /// Starts a program of a service. `start` is given what the program enters its group by, and is
    /// called again without if that fails.
    pub fn start(
        &self,
        service: &str,
        mut start: impl FnMut(Option<OwnedFd>) -> io::Result<Child>,
    ) -> io::Result<Child> {
        let Some(name) = &self.name else {
            return start(None);
        };
        // Held until the program is inside: an empty group may be swept away.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match state.entrance(name, service, &self.log) {
            Ok(procs) => match start(Some(procs)) {
                Ok(child) => return Ok(child),
                Err(error) => error.to_string(),
            },
            Err(missing) => chain(&missing),
        };
        // Without a group it may start; if it does not, it was not the group's fault.
        let child = start(None)?;
        if !std::mem::replace(&mut state.told, true) {
            self.log.error(&format!(
                "'{service}' has no control group of its own, and others may have none: {why}"
            ));
        }
        Ok(child)
    }

    /// Removes the groups in which nothing runs.
    pub fn sweep(&self) {
        let Some(name) = &self.name else {
            return;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = match (&state.base, state.swept) {
            (Some(_), _) | (None, true) => None,
            // Of a supervisor before us, perhaps.
            (None, false) => base().ok().map(|(base, _)| base),
        };
        let Some(base) = state.base.as_ref().or(earlier.as_ref()) else {
            return;
        };
        let Ok(all) = base.child(name) else {
            state.swept = true;
            return;
        };
        let is_free = |group: &Cgroup| group.state().is_ok_and(|state| !state.populated);
        let mut left = false;
        for child in all.children().unwrap_or_default() {
            let gone = child.to_str().is_some_and(|child| {
                let group = all.child(child);
                group.is_ok_and(|group| is_free(&group))
                    && all.remove_child(child, Duration::ZERO).is_ok()
            });
            left |= !gone;
        }
        if !left {
            // Somebody else's group may be in it.
            let _ = base.remove_child(name, Duration::ZERO);
        }
    }
}

impl State {
    /// Makes what is missing of a service's group.
    fn entrance(&mut self, all: &str, service: &str, log: &Log) -> Result<OwnedFd, Missing> {
        let name = plan::one(&service.to_lowercase()).ok_or(Missing::Long)?;
        if self.base.as_ref().is_none_or(|base| !base.is_alive()) {
            let (base, owner) = base()?;
            if owner == Owner::Machine {
                make_room(&base, log)?;
            }
            self.base = Some(base);
        }
        let base = self.base.as_ref().ok_or(Missing::NoV2)?;
        let all = base.create_or_open(all)?;
        hand_on(&all, log)?;
        let mut group = all.create_or_open(&name)?;
        // A manager of containers has made way in it.
        if !group.enabled()?.is_empty() {
            group = group.create_or_open(LEAF)?;
        }
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&group, "cgroup.procs", flags, Mode::empty())
            .map_err(|errno| Missing::Open("cgroup.procs", errno))
    }
}

/// The group that those of services are made below.
fn base() -> Result<(Cgroup, Owner), Missing> {
    let groups = ProcessCgroups::of_self(Path::new("/proc"))?;
    let own = groups.v2().ok_or(Missing::NoV2)?.path.to_string();
    let (path, owner) = plan::base(&own);
    let found: Result<Located, LocateError> = match NsPath::parse(path.as_bytes()) {
        Some(above) if path != own => locate_path(&above),
        _ => locate_writable(Process::Myself, None),
    };
    let group = found.map_err(|source| Missing::Locate(path, source))?.group;
    Ok((group, owner))
}

/// Has the base hand down what it has. Without it a manager of containers cannot limit them, and
/// says so; the firewall needs none.
fn make_room(base: &Cgroup, log: &Log) -> Result<(), Missing> {
    let wanted = available(base)?;
    let enabled = base.enabled()?;
    if wanted.iter().all(|each| enabled.iter().any(|e| e == each)) {
        return Ok(());
    }
    if !base.is_real_root()?
        && !base.procs()?.is_empty()
        && let Err(error) = base.evacuate(LEAF, PATIENCE)
    {
        let why = chain(&error);
        log.error(&format!("services cannot have controllers: {why}"));
        return Ok(());
    }
    hand_on(base, log)
}

fn hand_on(group: &Cgroup, log: &Log) -> Result<(), Missing> {
    for outcome in group.enable(&available(group)?)? {
        if let Err(error) = outcome.result {
            let why = chain(&error);
            log.error(&format!("services have no {}: {why}", outcome.controller));
        }
    }
    Ok(())
}

fn available(group: &Cgroup) -> Result<Vec<&'static str>, Missing> {
    let there = group.controllers()?;
    let is_there = |each: &&str| there.iter().any(|name| name == each);
    Ok(CONTROLLERS.into_iter().filter(is_there).collect())
}
