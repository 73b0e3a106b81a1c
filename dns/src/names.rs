//! All files that names come from, read again when they change.
//!
//! The records are looked at before each answer, so that a name that the agent has taken is known at
//! once; the other files once in a second. A file that cannot be read leaves what was there before.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use warren_lib_errchain::chain;
use warren_wire_agent::dns::Records;

use crate::recursors::Recursors;
use crate::zone::alias::Aliases;
use crate::zone::{Zone, suffixes};
use crate::{Log, PORT, Sources, handlers, resolv_conf};

/// How often files other than the records are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Longer records are not read.
const LONGEST: u64 = 256 << 20;
/// Longer other files are not read.
const LONGEST_OTHER: u64 = 4 << 20;

/// A handler that can be asked.
#[derive(Debug)]
pub struct Route {
    /// Its domain.
    pub domain: String,
    /// Its servers.
    pub recursors: Arc<Recursors>,
    /// Whether answers may be told again.
    pub cached: bool,
}

/// What is known at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Names of ours.
    pub zone: Zone,
    /// Domains with servers of their own.
    pub routes: Vec<Route>,
    /// Whom to ask for all else.
    pub recursors: Arc<Recursors>,
    /// Counts changes of those who are asked.
    pub generation: u64,
}

impl Snapshot {
    /// The handler of the longest domain that a name is below.
    #[must_use]
    pub fn handler_of(&self, name: &str) -> Option<&Route> {
        if self.routes.is_empty() {
            return None;
        }
        suffixes(name).find_map(|suffix| self.routes.iter().find(|route| route.domain == suffix))
    }
}

/// Tells whether a file is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(PathBuf, u64, u64, u64, i64, i64);

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    let (seconds, nanoseconds) = (about.mtime(), about.mtime_nsec());
    let path = path.to_owned();
    Some(Stamp(
        path,
        about.dev(),
        about.ino(),
        about.len(),
        seconds,
        nanoseconds,
    ))
}

struct State {
    snapshot: Arc<Snapshot>,
    records: Option<Records>,
    records_stamp: Option<Stamp>,
    other_stamps: Vec<Stamp>,
    looked: Option<Instant>,
}

/// See the module.
pub struct Names {
    sources: Sources,
    log: Log,
    state: Mutex<State>,
}

impl Names {
    /// Names of these files. Nothing is read yet.
    #[must_use]
    pub fn new(sources: Sources, log: Log) -> Self {
        let state = State {
            snapshot: Arc::default(),
            records: None,
            records_stamp: None,
            other_stamps: Vec::new(),
            looked: None,
        };
        Self {
            sources,
            log,
            state: Mutex::new(state),
        }
    }

    /// What is known now.
    pub fn current(&self) -> Arc<Snapshot> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let found = stamp(&self.sources.records);
        let mut changed = found != state.records_stamp;
        if changed {
            state.records_stamp = found;
            self.read_records(state);
        }
        if state.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            state.looked = Some(Instant::now());
            let found = self.other_stamps();
            changed |= found != state.other_stamps || state.snapshot.generation == 0;
            state.other_stamps = found;
        }
        if changed {
            state.snapshot = Arc::new(self.read_others(state));
        }
        Arc::clone(&state.snapshot)
    }

    fn read_records(&self, state: &mut State) {
        let path = &self.sources.records;
        let read = match fs::metadata(path) {
            Ok(about) if about.len() > LONGEST => {
                Err(format!("they are {} bytes long", about.len()))
            }
            _ => fs::read(path)
                .map_err(|error| error.to_string())
                .and_then(|bytes| Records::parse(&bytes).map_err(|error| chain(&error))),
        };
        match read {
            Ok(records) => {
                let (rows, left_out) = records.rows();
                (self.log)(&format!(
                    "records {}: {} rows{}",
                    records.version,
                    rows.len(),
                    if left_out > 0 {
                        format!(", {left_out} left out")
                    } else {
                        String::new()
                    }
                ));
                state.records = Some(records);
            }
            Err(error) => (self.log)(&format!(
                "cannot read the records {}, which stay as they were: {error}",
                path.display()
            )),
        }
    }

    /// Files of jobs of one name, in the order of the jobs' names.
    fn files_of_jobs(&self, name: &str) -> Vec<PathBuf> {
        let Ok(jobs) = fs::read_dir(&self.sources.jobs) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = jobs
            .filter_map(|job| Some(job.ok()?.path().join("dns").join(name)))
            .filter(|path| path.exists())
            .collect();
        files.sort();
        files
    }

    fn other_stamps(&self) -> Vec<Stamp> {
        ["aliases.json", "handlers.json"]
            .iter()
            .flat_map(|name| self.files_of_jobs(name))
            .chain([self.sources.resolv_conf.clone()])
            .filter_map(|path| stamp(&path))
            .collect()
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let long = fs::metadata(path).is_ok_and(|about| about.len() > LONGEST_OTHER);
        let read = match long {
            true => Err("it is too long".to_owned()),
            false => fs::read(path).map_err(|error| error.to_string()),
        };
        match read {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                (self.log)(&format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }

    fn read_others(&self, state: &State) -> Snapshot {
        let mut aliases = Aliases::default();
        for path in self.files_of_jobs("aliases.json") {
            if let Some(bytes) = self.read(&path)
                && let Err(error) = aliases.add_file(&bytes)
            {
                (self.log)(&format!(
                    "no aliases of {}: {}",
                    path.display(),
                    chain(&error)
                ));
            }
        }
        let mut handlers = Vec::new();
        for path in self.files_of_jobs("handlers.json") {
            let Some(bytes) = self.read(&path) else {
                continue;
            };
            match handlers::parse(&bytes) {
                Ok((found, wrong)) => {
                    handlers.extend(found);
                    for error in wrong {
                        (self.log)(&format!("{}: {error}", path.display()));
                    }
                }
                Err(error) => {
                    (self.log)(&format!(
                        "no handlers of {}: {}",
                        path.display(),
                        chain(&error)
                    ));
                }
            }
        }
        let text = self.read(&self.sources.resolv_conf).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let servers: Vec<SocketAddr> = resolv_conf::servers(&text, self.sources.own)
            .into_iter()
            .map(|address| SocketAddr::new(address, PORT))
            .collect();
        self.assemble(state, aliases, handlers, servers)
    }

    /// Those who are asked stay the same ones, with what is known of them, if nothing changed.
    fn assemble(
        &self,
        state: &State,
        aliases: Aliases,
        handlers: Vec<handlers::Handler>,
        servers: Vec<SocketAddr>,
    ) -> Snapshot {
        let old = &state.snapshot;
        let same = |old: &Arc<Recursors>, servers: Vec<SocketAddr>| match old.servers() == servers {
            true => Arc::clone(old),
            false => Arc::new(Recursors::new(servers)),
        };
        let recursors = same(&old.recursors, servers);
        let routes: Vec<Route> = handlers
            .into_iter()
            .map(|handler| {
                let known = old
                    .routes
                    .iter()
                    .find(|route| route.domain == handler.domain);
                let recursors = match known {
                    Some(route) => same(&route.recursors, handler.recursors),
                    None => Arc::new(Recursors::new(handler.recursors)),
                };
                Route {
                    domain: handler.domain,
                    recursors,
                    cached: handler.cached,
                }
            })
            .collect();
        let kept = |(one, other): (&Route, &Route)| Arc::ptr_eq(&one.recursors, &other.recursors);
        let unchanged = old.generation > 0
            && Arc::ptr_eq(&recursors, &old.recursors)
            && routes.len() == old.routes.len()
            && routes.iter().zip(&old.routes).all(kept);
        if !unchanged {
            let asked: Vec<String> = recursors
                .servers()
                .iter()
                .map(ToString::to_string)
                .collect();
            (self.log)(&format!(
                "asking {} for other names",
                if asked.is_empty() {
                    "nobody".to_owned()
                } else {
                    asked.join(", ")
                }
            ));
        }
        Snapshot {
            zone: Zone::new(state.records.as_ref(), aliases),
            routes,
            recursors,
            generation: old.generation + u64::from(!unchanged),
        }
    }
}
