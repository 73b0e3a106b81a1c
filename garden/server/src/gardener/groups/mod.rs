//! The control group that containers are below.
//!
//! ```text
//! BASE                 the group the server was started in
//! ├─ init/             the server and whatever else was in BASE, if controllers are to be enabled
//! └─ garden[-TAG]/     containers; removed when a server ends that has none
//! ```
//!
//! That is the driver [`Driver::Cgroupfs`]; with [`Driver::Systemd`] BASE is the group of a unit,
//! see [`systemd`].
//!
//! A group of cgroup v2 that hands controllers down may hold no processes, so BASE is emptied
//! first; where cgroup v2 has no controllers to hand down, as on hybrid hosts, nothing is moved. A
//! server that finds itself in `init` beside the group of an earlier one goes on with that.

use std::time::Duration;

use warren_container_runtime::groups::Place;
use warren_sys_cgroup::{Cgroup, Error as CgroupError};
use warren_wire_garden::Error;

pub mod systemd;

use std::path::{Path, PathBuf};

use super::error;
use crate::log::Log;

/// The leaf for the server.
const LEAF: &str = "init";
/// How long the server's kin may take to be moved.
const PATIENCE: Duration = Duration::from_secs(10);
/// What containers are limited with, where cgroup v2 has it.
const CONTROLLERS: [&str; 5] = ["cpu", "io", "memory", "pids", "cpuset"];

/// Files of a weight for block devices, of either cgroup version.
const WEIGHTS: [&str; 4] = [
    "io.weight",
    "io.bfq.weight",
    "blkio.weight",
    "blkio.bfq.weight",
];

/// Who owns the tree in which containers' groups are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driver {
    /// Nobody but us: below the server's own group.
    Cgroupfs,
    /// systemd, which is asked for a group of its own tree.
    Systemd {
        /// Where it listens.
        socket: PathBuf,
    },
}

/// Where containers' groups are made.
#[derive(Debug)]
pub struct Base {
    place: Place,
    /// The group above it.
    above: Place,
    /// What has the place, and where shims go, if it is not the server's own group.
    unit: Option<systemd::Unit>,
}

impl Base {
    /// Finds the base, empties it where need be, and makes the group for containers. `program` is
    /// our executable, which does nothing under the name of containers' init.
    ///
    /// # Errors
    /// What keeps the groups from being made.
    pub fn open(driver: &Driver, program: &Path, name: &str, log: &Log) -> Result<Self, Error> {
        match driver {
            Driver::Cgroupfs => Self::open_below_own(name, log),
            Driver::Systemd { socket } => {
                let unit = systemd::Unit::new(socket, program, name);
                let group = unit.ensure(log)?;
                let base = Self {
                    place: group.child(name),
                    above: group.clone(),
                    unit: Some(unit),
                };
                base.fill(&group, name, log)?;
                Ok(base)
            }
        }
    }

    /// Makes what is missing of the groups in the unit's.
    fn fill(&self, group: &Place, name: &str, log: &Log) -> Result<(), Error> {
        let base = group.open().map_err(error::step("open the unit's group"))?;
        let make = |name| {
            base.create(name)
                .map_err(error::step("make groups in the unit's"))
        };
        make(systemd::KEEPERS)?;
        if let Some(v2) = &base.v2 {
            v2.evacuate(systemd::KEEPERS, PATIENCE)
                .map_err(error::step("make room in the unit's group"))?;
            enable(v2, log).map_err(error::step("hand control group controllers down"))?;
        }
        make(name)?;
        Self::hand_on(&self.place, log)
    }

    fn hand_on(place: &Place, log: &Log) -> Result<(), Error> {
        let made = place
            .open()
            .map_err(error::step("open the containers' control group"))?;
        match &made.v2 {
            Some(v2) => enable(v2, log).map_err(error::step("hand control group controllers down")),
            None => Ok(()),
        }
    }

    /// Makes sure that containers can be made: somebody may have stopped the unit, or removed a group
    /// with nothing in it. systemd does so everywhere below a service whose main process ends, also
    /// where it has delegated the group.
    ///
    /// # Errors
    /// What keeps the groups from being made.
    pub fn ensure(&self, name: &str, log: &Log) -> Result<(), Error> {
        if self.place.open().is_ok() {
            return Ok(());
        }
        match &self.unit {
            Some(unit) => {
                let group = unit.ensure(log)?;
                self.fill(&group, name, log)
            }
            None => Self::make_in(&self.above, name, log),
        }
    }

    /// Whether containers can be given a weight for block devices.
    ///
    /// # Errors
    /// The group is not there.
    pub fn has_io_weight(&self) -> Result<bool, Error> {
        let set = self
            .place
            .open()
            .map_err(error::step("open the containers' control group"))?;
        let mut paths: Vec<&Path> = Vec::new();
        paths.extend(set.v2.as_ref().map(Cgroup::path));
        let v1 = set.v1.iter().filter(|group| group.has_controller("blkio"));
        paths.extend(v1.map(|group| group.path()));
        let has = |path: &&Path| WEIGHTS.iter().any(|file| path.join(file).exists());
        Ok(paths.iter().any(has))
    }

    /// Where the processes that keep containers go; `None` leaves them with the server.
    #[must_use]
    pub fn keepers(&self) -> Option<Place> {
        self.unit.as_ref().and(self.place.v2.as_deref())?;
        Some(self.place.sibling(systemd::KEEPERS))
    }

    /// The least limit of memory that holds for containers, as far as the groups above can be seen.
    ///
    /// # Errors
    /// The group is not there.
    pub fn memory(&self) -> Result<Option<u64>, Error> {
        let set = self
            .place
            .open()
            .map_err(error::step("open the containers' control group"))?;
        let mut v1 = set.v1.iter();
        let v1 = v1.find(|group| group.has_controller("memory"));
        let (path, file) = match (v1, &set.v2) {
            (Some(group), _) => (group.path(), "memory.limit_in_bytes"),
            (None, Some(group)) => (group.path(), "memory.max"),
            (None, None) => return Ok(None),
        };
        Ok(least(path, file))
    }

    fn open_below_own(name: &str, log: &Log) -> Result<Self, Error> {
        let own = Place::own().map_err(error::step("find the server's control group"))?;
        let place = base_of(&own, name).unwrap_or(own);
        Self::make_in(&place, name, log)?;
        Ok(Self {
            place: place.child(name),
            above: place,
            unit: None,
        })
    }

    /// Empties a group where need be, and makes that for containers in it.
    fn make_in(place: &Place, name: &str, log: &Log) -> Result<(), Error> {
        let base = place
            .open()
            .map_err(error::step("open the server's control group"))?;
        if let Some(v2) = &base.v2 {
            hand_down(v2, log).map_err(error::step("hand control group controllers down"))?;
        }
        let made = base
            .create(name)
            .map_err(error::step("make the containers' control group"))?;
        match &made.v2 {
            Some(v2) => enable(v2, log).map_err(error::step("hand control group controllers down")),
            None => Ok(()),
        }
    }

    /// The containers' parent.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Removes the containers' group if no container is in it.
    ///
    /// # Errors
    /// Something is in it, or it cannot be removed.
    pub fn remove(&self) -> Result<(), Error> {
        let what = "remove the containers' control group";
        let groups = self.place.open().map_err(error::step(what))?;
        groups.remove(Duration::ZERO).map_err(error::step(what))?;
        match &self.unit {
            Some(unit) => {
                if let Some(Ok(keepers)) = self.keepers().map(|place| place.open()) {
                    // The one that does nothing would take its time to hear of it.
                    keepers.kill(PATIENCE).map_err(error::step(what))?;
                }
                unit.stop()
            }
            None => Ok(()),
        }
    }
}

/// The least number in such files of a group and of those above it.
fn least(group: &Path, file: &str) -> Option<u64> {
    let groups = group
        .ancestors()
        .take_while(|group| group.join("cgroup.procs").exists());
    // No limit is a word, or a number beyond all memory.
    let number = |group: &Path| -> Option<u64> {
        let text = std::fs::read_to_string(group.join(file)).ok()?;
        text.trim().parse().ok()
    };
    groups.filter_map(number).min()
}

/// The group above `init`, if an earlier server has left its containers' group there.
fn base_of(own: &Place, name: &str) -> Option<Place> {
    let v2 = own.v2.as_deref()?;
    let above = v2.strip_suffix(LEAF)?.strip_suffix('/')?;
    let base = Place {
        v2: Some(match above {
            "" => "/".to_owned(),
            above => above.to_owned(),
        }),
        v1: own.v1.clone(),
    };
    let group = base.open().ok()?;
    group.v2?.child(name).is_ok().then_some(base)
}

fn wanted(group: &Cgroup) -> Result<Vec<&'static str>, CgroupError> {
    let there = group.controllers()?;
    let is_there = |wanted: &&str| there.iter().any(|each| each == wanted);
    Ok(CONTROLLERS.into_iter().filter(is_there).collect())
}

/// Makes the base hand down what it has; the root group needs no emptying.
fn hand_down(group: &Cgroup, log: &Log) -> Result<(), CgroupError> {
    let wanted = wanted(group)?;
    let enabled = group.enabled()?;
    if wanted.iter().all(|each| enabled.iter().any(|e| e == each)) {
        return Ok(());
    }
    if !group.is_real_root()? && !group.procs()?.is_empty() {
        let evacuated = group.evacuate(LEAF, PATIENCE)?;
        let (moved, path) = (
            evacuated.moved.to_string(),
            evacuated.leaf.path().display().to_string(),
        );
        log.info(
            "moved processes out of the way of containers",
            &[("count", &moved), ("to", &path)],
        );
    }
    enable(group, log)
}

fn enable(group: &Cgroup, log: &Log) -> Result<(), CgroupError> {
    for outcome in group.enable(&wanted(group)?)? {
        if let Err(error) = outcome.result {
            // Containers that ask for a limit that needs it fail; others do not.
            let text = warren_lib_errchain::chain(&error);
            log.error(
                "control group controller not enabled",
                &[("controller", &outcome.controller), ("error", &text)],
            );
        }
    }
    Ok(())
}
