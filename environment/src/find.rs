//! What a name means: a level, a machine, a container, or a process of one of them.
//!
//! ```text
//! machine                       level 0; machine/garden is all that runs there
//! director, level1 ...          a level's container
//! worker, nats ...              a process of the director's container
//! director/worker, level1/garden   a process of a level
//! GROUP/INDEX, GROUP/ID         an instance, where only one deployment has it
//! DEPLOYMENT/GROUP/INDEX        an instance
//! ...:PROCESS                   a process of that instance
//! HANDLE                        any container at any level
//! ```
//!
//! What is asked is what is needed: names of levels mean something whatever runs, handles need the Garden
//! server of the container alone, and instances are known to the director and, where it does not answer, to
//! themselves.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::instances::{self, Named};
use crate::status::patience::within;
use crate::{Error, Level, Record, jobs, levels};

/// What this machine is called.
pub(crate) const MACHINE: &str = "machine";
/// How long a Garden server may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(5);
/// What keeps containers, at each level but the innermost.
const GARDEN: &str = "garden";

/// A place, and perhaps one process there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub place: Place,
    /// The process.
    pub process: Option<String>,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Machine,
    /// In a container.
    Container {
        /// In whose Garden it is.
        level: Level,
        /// The container.
        handle: String,
        /// Whether it is the next level, and not a machine of the director's.
        is_level: bool,
    },
}

/// Looks for a name.
///
/// # Errors
/// [`Error::NotUp`], [`Error::Unknown`], [`Error::Several`], or the record cannot be read.
pub fn find(home: &Path, name: &str) -> Result<Found, Error> {
    let record = Record::of(home)?;
    let all = levels(home, &record);
    if let Some(found) = level(&all, &record, name) {
        return Ok(found);
    }
    let (container, process) = match name.split_once(':') {
        Some((container, process)) => (container, Some(process)),
        None => (name, None),
    };
    let inside = |level: &Level, handle: &str| Found {
        place: Place::Container {
            level: level.clone(),
            handle: handle.to_owned(),
            is_level: false,
        },
        process: process.map(str::to_owned),
    };
    if let Some(level) = all.iter().find(|level| has(level, container)) {
        return Ok(inside(level, container));
    }
    let Some(inner) = all.last() else {
        return Err(Error::NotUp(home.to_owned()));
    };
    let known = instances::all(home, &record, inner);
    let fitting: Vec<&Named> = known.found.iter().filter(|one| one.is(container)).collect();
    match fitting.as_slice() {
        [one] => Ok(inside(inner, &one.cid)),
        [] => Err(Error::Unknown {
            name: name.to_owned(),
            known: names(&all, &record)
                .chain(known.found.iter().map(Named::full_name))
                .collect(),
            silent: known.silent,
        }),
        several => Err(Error::Several {
            name: name.to_owned(),
            names: several.iter().map(|one| one.full_name()).collect(),
        }),
    }
}

/// Whether a level's Garden server has a container of this name. One that is stuck is not waited for long, and
/// none is asked for what cannot be a handle.
fn has(level: &Level, handle: &str) -> bool {
    let (client, handle) = (level.garden(), handle.to_owned());
    !handle.contains('/')
        && within(PATIENCE, move || client.exists(&handle)).is_ok_and(|has| has.unwrap_or_default())
}

/// Names of this machine and of levels.
fn names(all: &[Level], record: &Record) -> impl Iterator<Item = String> {
    let levels = all.iter().take(record.depth);
    let levels: Vec<String> = levels.map(|level| level.container(record)).collect();
    std::iter::once(MACHINE.to_owned()).chain(levels)
}

/// This machine, a level's container, or a process of one. An instance group may have a level's name: what
/// comes behind the slash tells.
fn level(all: &[Level], record: &Record, name: &str) -> Option<Found> {
    // Behind a colon is a process, whatever its name.
    let (container, process, is_sure) = match (name.split_once(':'), name.split_once('/')) {
        (Some((container, process)), _) => (container, Some(process), true),
        (None, Some((container, process))) => (container, Some(process), false),
        (None, None) => (name, None, true),
    };
    let found = |place, process: Option<&str>| {
        let process = process.map(str::to_owned);
        Some(Found { place, process })
    };
    if container == MACHINE && process.is_none_or(|process| process == GARDEN) {
        return found(Place::Machine, process);
    }
    for level in all.iter().take(record.depth) {
        let handle = level.container(record);
        let is_director = level.index + 1 == record.depth;
        let has = |name: &str| name == GARDEN || (is_director && of_director(record, name));
        let place = || Place::Container {
            level: level.clone(),
            handle: handle.clone(),
            is_level: true,
        };
        if container == handle && (is_sure || process.is_some_and(has)) {
            return found(place(), process);
        }
        if is_director && process.is_none() && has(name) {
            return found(place(), Some(name));
        }
    }
    None
}

fn of_director(record: &Record, name: &str) -> bool {
    let jobs = jobs::director(record, Ipv4Addr::UNSPECIFIED);
    jobs.iter().any(|job| job.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of a level or of this machine: the handle, none for the machine, and the process.
    type Meant = (Option<&'static str>, Option<&'static str>);

    #[test]
    fn names_of_levels_mean_something_whatever_runs() {
        let record = Record {
            depth: 2,
            ..Record::example()
        };
        let all = levels(Path::new("/nowhere"), &record);
        let table: [(&str, Option<Meant>); 17] = [
            ("machine", Some((None, None))),
            ("machine/garden", Some((None, Some("garden")))),
            ("machine:garden", Some((None, Some("garden")))),
            ("machine/0", None),
            ("level1", Some((Some("level1"), None))),
            ("level1/garden", Some((Some("level1"), Some("garden")))),
            ("level1:odd", Some((Some("level1"), Some("odd")))),
            ("level1/worker", None),
            ("director", Some((Some("director"), None))),
            ("director/worker", Some((Some("director"), Some("worker")))),
            ("director/garden", Some((Some("director"), Some("garden")))),
            ("worker", Some((Some("director"), Some("worker")))),
            ("garden", Some((Some("director"), Some("garden")))),
            // Instances of groups that are called like a level.
            ("director/0", None),
            ("director/0:worker", None),
            ("web/0:worker", None),
            // There is no PostgreSQL.
            ("postgres", None),
        ];
        for (name, expected) in table {
            let found = level(&all, &record, name);
            let meant = found.as_ref().map(|found| {
                let handle = match &found.place {
                    Place::Machine => None,
                    Place::Container { handle, .. } => Some(handle.as_str()),
                };
                (handle, found.process.as_deref())
            });
            assert_eq!(meant, expected, "{name}");
        }
    }
}
