//! What a name means: a level, a machine, a container, or a process of one of them.
//!
//! ```text
//! machine                       level 0
//! director, level1 ...          a level's container
//! worker, nats ...              a process of the director's container
//! director/worker, level1/garden   a process of a level
//! GROUP/INDEX, GROUP/ID         an instance, where only one deployment has it
//! DEPLOYMENT/GROUP/INDEX        an instance
//! ...:PROCESS                   a process of that instance
//! HANDLE                        any container at any level
//! ```

use std::path::Path;

use crate::boot::Access;
use crate::machines::{self, Machine};
use crate::{Error, Level, Record, levels, services};

/// A container, and perhaps one process in it.
#[derive(Debug, Clone)]
pub struct Found {
    /// In whose Garden it is.
    pub level: Level,
    /// The container.
    pub handle: String,
    /// The process.
    pub process: Option<String>,
}

/// Looks for a name.
///
/// # Errors
/// [`Error::NotUp`], [`Error::Unknown`], or that of whoever is asked.
pub fn find(home: &Path, name: &str) -> Result<Found, Error> {
    let record = Record::of(home)?;
    let all = levels(home, &record);
    let (container, process) = match name.split_once(':') {
        Some((container, process)) => (container, Some(process.to_owned())),
        None => (name, None),
    };
    if let Some(found) = level(&all, &record, container, process.as_deref())? {
        return Ok(found);
    }
    let Some(inner) = all.last() else {
        return Err(Error::NotUp(home.to_owned()));
    };
    let director = Access::of(home, &record)?.director()?;
    let machines = machines::all(&director)?;
    let mut fitting: Vec<&Machine> = machines.iter().filter(|one| fits(one, container)).collect();
    fitting.dedup_by(|a, b| a.about.vm_cid == b.about.vm_cid);
    match fitting.as_slice() {
        [one] => {
            if let Some(handle) = one.about.vm_cid.clone() {
                return Ok(Found {
                    level: inner.clone(),
                    handle,
                    process,
                });
            }
        }
        [] => {}
        several => {
            let names = several.iter().map(|one| one.full_name()).collect();
            return Err(Error::Several {
                name: name.to_owned(),
                names,
            });
        }
    }
    for level in &all {
        if level.garden().exists(container).unwrap_or_default() {
            return Ok(Found {
                level: level.clone(),
                handle: container.to_owned(),
                process,
            });
        }
    }
    Err(Error::Unknown {
        name: name.to_owned(),
        known: all
            .iter()
            .take(record.depth)
            .map(|level| level.container(&record))
            .chain(machines.iter().map(Machine::full_name))
            .collect(),
    })
}

/// A level's container, or a process of one.
fn level(
    all: &[Level],
    record: &Record,
    name: &str,
    process: Option<&str>,
) -> Result<Option<Found>, Error> {
    let (container, inner) = match name.split_once('/') {
        Some((container, inner)) => (container, Some(inner)),
        None => (name, None),
    };
    for level in all.iter().take(record.depth) {
        let handle = level.container(record);
        let found = |process: Option<&str>| Found {
            level: level.clone(),
            handle: handle.clone(),
            process: process.map(str::to_owned),
        };
        if container == handle {
            return Ok(Some(found(process.or(inner))));
        }
        let is_director = level.index + 1 == record.depth;
        if is_director && inner.is_none() && process.is_none() {
            let services = services::of(level, &handle)?;
            if services.iter().any(|service| service.name == name) {
                return Ok(Some(found(Some(name))));
            }
        }
    }
    Ok(None)
}

fn fits(machine: &Machine, name: &str) -> bool {
    let short = machine.name();
    let by_id = machine.about.name();
    let full = |short: &str| format!("{}/{short}", machine.deployment);
    name == short
        || name == by_id
        || name == full(&short)
        || name == full(&by_id)
        || machine.about.vm_cid.as_deref() == Some(name)
        || machine.about.id.as_deref() == Some(name)
}
