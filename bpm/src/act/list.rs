//! `bpm list`: the processes of all jobs, configured or running.

use std::collections::BTreeMap;

use serde::Serialize;
use warren_wire_bpm::id;

use super::{Bpm, configuration};
use crate::root::Name;
use crate::state::{self, Known, Status};
use crate::{Error, Step};

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name among all jobs'.
    pub name: String,
    /// Its pid, if it runs.
    pub pid: Option<i32>,
    /// How it is.
    pub status: Status,
}

/// All processes.
#[derive(Debug, Default)]
pub struct List {
    /// By name.
    pub processes: Vec<Entry>,
    /// Jobs whose configuration cannot be used, with the reason.
    pub invalid: Vec<(String, Step)>,
}

impl Bpm {
    /// Lists them.
    ///
    /// # Errors
    /// The directory of jobs cannot be read.
    pub fn list(&self) -> Result<List, Error> {
        let mut found = BTreeMap::new();
        let mut invalid = Vec::new();
        for job in names(&self.root.jobs()).map_err(Error::List)? {
            let file = self.root.configuration(&job);
            if !file.exists() {
                continue;
            }
            match configuration::read(&file, &job) {
                Ok(config) => {
                    for process in &config.processes {
                        match Name::new(&job, Some(&process.name)) {
                            Ok(name) => self.add(&mut found, &name),
                            Err(error) => invalid.push((job.clone(), Step::Name(Box::new(error)))),
                        }
                    }
                }
                Err(error) => invalid.push((job, error)),
            }
        }
        for file in names(&self.root.states()).map_err(Error::List)? {
            let container = file.strip_suffix(".json");
            let Some(full) = container.and_then(id::of_container) else {
                continue;
            };
            if let Some(name) = of_record(&full) {
                self.add(&mut found, &name);
            }
        }
        Ok(List {
            processes: found.into_values().collect(),
            invalid,
        })
    }

    fn add(&self, found: &mut BTreeMap<String, Entry>, name: &Name) {
        let full = name.full();
        if found.contains_key(&full) {
            return;
        }
        let known = state::load(&self.root, name).unwrap_or(Known::Corrupt);
        let entry = Entry {
            name: full.clone(),
            pid: known.running(),
            status: known.status(),
        };
        found.insert(full, entry);
    }
}

/// A process whose record is called like this. Where the job's name ends makes no difference to it, so
/// long as each part can be a name: either may have dots.
fn of_record(full: &str) -> Option<Name> {
    let whole = Name::new(full, None).ok();
    whole.or_else(|| {
        let dots = full.match_indices('.');
        dots.filter_map(|(at, _)| Name::new(full.get(..at)?, Some(full.get(at + 1..)?)).ok())
            .find(|name| name.full() == full)
    })
}

/// The names in a directory, sorted; none if it is missing.
fn names(directory: &std::path::Path) -> Result<Vec<String>, Step> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Step::file("read", directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Step::file("read", directory))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}
