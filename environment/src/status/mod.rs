//! How an environment fares: one row for each part, each a check that is made now.
//!
//! ```text
//! level 0    the executable, whether it is the one that asks
//! level 0..  Garden            a ping at each level
//! director   NATS, database, API, workers, TLS, blobstore, scheduler, sync-dns
//! inside     a container made in the innermost Garden: files in, a process in bpm, gone again
//! machines   agents, names, the quorum of ZooKeeper, if they are deployed
//! ```
//!
//! Rows do not depend on each other: one that fails tells why, and the others are checked all the same.
//! What is stuck answers nobody, and is given up after a while.

pub(crate) mod bus;
mod deployed;
mod director;
mod executable;
mod inside;
pub(crate) mod patience;
mod process;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;
use warren_director_client::Director;

use self::patience::within;
use crate::boot::Access;
use crate::machines::Machine;
use crate::services::{self, Service};
use crate::{Error, Level, Looking, Record, jobs, levels, rests};

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same if agents are asked: the director waits for those that do not answer, and its task is to be
/// cancelled if nobody does it.
const AGENTS: Duration = Duration::from_secs(30);
/// How long it may take to make a container, use it and remove it.
const MAKING: Duration = Duration::from_secs(60);

/// How a part fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The check held.
    Working,
    /// It did not.
    Failing,
    /// There is nothing of it to check, and nothing is wrong with that.
    Unused,
    /// Not part of this version.
    NotBuilt,
}

/// A part.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which.
    pub component: &'static str,
    /// Where it is; none for what is not there.
    pub level: Option<usize>,
    /// How it fares.
    pub state: State,
    /// How long the check took, in milliseconds.
    pub milliseconds: Option<f64>,
    /// What was found, or why the check failed.
    pub note: String,
    /// Where more is said, as this machine sees it.
    pub log: Option<PathBuf>,
}

/// What a check finds: something good, or that there is nothing to check.
pub(crate) enum Found {
    Good(String),
    Nothing(String),
}

/// What checks look at.
pub(crate) struct Scene {
    pub home: PathBuf,
    pub record: Record,
    /// In which the director's container is.
    pub around: Level,
    /// The director's.
    pub inner: Level,
    pub handle: String,
    pub access: Result<Access, String>,
    services: Result<Vec<Service>, String>,
    /// What agents tell, once they are asked.
    machines: OnceLock<Result<Vec<Machine>, String>>,
}

impl Scene {
    pub(crate) fn director(&self) -> Result<Director, String> {
        let access = self.access.as_ref().map_err(Clone::clone)?;
        access.director().map_err(|error| said(&error))
    }

    /// That a process of the director's container runs; for how long.
    pub(crate) fn service(&self, name: &str) -> Result<String, String> {
        let services = self.services.as_ref().map_err(Clone::clone)?;
        let service = services
            .iter()
            .find(|service| service.name == name)
            .ok_or_else(|| format!("the supervisor knows no process {name}"))?;
        match (&service.vitals, service.state.as_str()) {
            (Some(vitals), "running" | "initializing") => {
                let mib = vitals.memory_total >> 10;
                Ok(format!(
                    "process {} for {} s, {mib} MiB",
                    vitals.pid, vitals.uptime
                ))
            }
            (_, state) => {
                let fault = service.fault.as_ref().map(ToString::to_string);
                Err(format!(
                    "{state}: {}",
                    fault.unwrap_or_else(|| "no process".to_owned())
                ))
            }
        }
    }
}

/// An error with its causes, on a line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    warren_lib_errchain::chain(error).replace('\n', "; ")
}

/// A check of one part: its name, where more is said, how long it may take, and what is done.
type Check = (
    &'static str,
    Log,
    Duration,
    fn(&Scene) -> Result<Found, String>,
);

/// Where more is said, as this machine sees it.
#[derive(Clone, Copy)]
enum Log {
    Nowhere,
    /// By this process of the director's.
    Of(&'static str),
    /// By the jobs of the first machine of this group.
    Jobs(&'static str),
}

impl Log {
    fn path(self, scene: &Scene) -> Option<PathBuf> {
        match self {
            Log::Nowhere => None,
            Log::Of(name) => {
                let path = |log| scene.inner.here(&format!("vcap/sys/log/{log}"));
                jobs::logs(name)
                    .map(path)
                    .into_iter()
                    .find(|log| log.exists())
            }
            Log::Jobs(group) => {
                let machines = scene.machines.get()?.as_ref().ok()?;
                let mut machines = machines.iter().map(|machine| &machine.about);
                let found = machines.find(|about| about.job_name.as_deref() == Some(group))?;
                let cid = found.vm_cid.as_deref()?;
                let path = scene.inner.here(&format!("{DATA}/{cid}/sys/log"));
                path.exists().then_some(path)
            }
        }
    }
}

/// Where the CPI keeps what machines see as `/var/vcap/data`.
const DATA: &str = "vcap/data/warden_cpi/ephemeral_bind_mounts_dir";

const CHECKS: &[Check] = &[
    (
        "Light stemcell image",
        Log::Nowhere,
        PATIENCE,
        director::stemcell,
    ),
    ("VM creation", Log::Of("worker"), AGENTS, deployed::machines),
    (
        "Postgres",
        Log::Of("postgres"),
        PATIENCE,
        director::database,
    ),
    ("NATS", Log::Of("nats"), PATIENCE, bus::round_trip),
    ("Director", Log::Of("director"), PATIENCE, director::api),
    ("Workers", Log::Of("worker"), PATIENCE, director::workers),
    ("TLS front", Log::Of("director"), PATIENCE, director::front),
    ("Metrics", Log::Of("director"), PATIENCE, director::metrics),
    (
        "Blobstore",
        Log::Of("blobstore"),
        PATIENCE,
        director::blobstore,
    ),
    (
        "Scheduler",
        Log::Of("scheduler"),
        PATIENCE,
        director::scheduler,
    ),
    (
        "Sync-DNS",
        Log::Of("sync_dns"),
        PATIENCE,
        director::sync_dns,
    ),
    (
        "DNS in machines",
        Log::Of("sync_dns"),
        AGENTS,
        deployed::names,
    ),
    (
        "ZooKeeper",
        Log::Jobs("zookeeper"),
        AGENTS,
        deployed::zookeeper,
    ),
];

/// Makes all checks.
///
/// # Errors
/// As [`rests::awake`]; what is wrong with a part is in its row.
pub fn status(home: &Path, looking: &Looking) -> Result<Vec<Row>, Error> {
    rests::awake(home)?;
    let record = Record::of(home)?;
    let mut all = levels(home, &record);
    let not_up = || Error::NotUp(home.to_owned());
    let inner = all.pop().ok_or_else(not_up)?;
    let around = all.last().cloned().ok_or_else(not_up)?;
    let mut rows = vec![executable::row(home, &record)];
    rows.extend(
        all.iter()
            .map(|level| looking.at("Garden", || garden(level))),
    );
    let handle = around.container(&record);
    let services = {
        let (around, handle) = (around.clone(), handle.clone());
        let asked = looking.at("the director's supervisor", || {
            within(PATIENCE, move || services::of(&around, &handle))
        });
        asked.and_then(|services| services.map_err(|error| said(&error)))
    };
    let scene = Arc::new(Scene {
        home: home.to_owned(),
        access: Access::of(home, &record).map_err(|error| said(&error)),
        services,
        machines: OnceLock::new(),
        record,
        around,
        inner,
        handle,
    });
    let (checked, inside) = std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            let theirs = Arc::clone(&scene);
            let made = looking.at(inside::GARDEN, || {
                within(MAKING, move || inside::rows(&theirs))
            });
            made.unwrap_or_else(|cause| inside::stuck(&scene, &cause))
        });
        let checks: Vec<_> = CHECKS
            .iter()
            .map(|check| scope.spawn(|| looking.at(check.0, || row(&scene, check))))
            .collect();
        let checked: Vec<Row> = checks
            .into_iter()
            .filter_map(|one| one.join().ok())
            .collect();
        (checked, inside.join().unwrap_or_default())
    });
    rows.extend(inside);
    rows.extend(checked);
    for component in ["UAA", "Health monitor"] {
        rows.push(Row {
            component,
            level: None,
            state: State::NotBuilt,
            milliseconds: None,
            note: "not part of this version".to_owned(),
            log: None,
        });
    }
    Ok(rows)
}

fn row(scene: &Arc<Scene>, (component, log, patience, check): &Check) -> Row {
    let started = Instant::now();
    let (theirs, check) = (Arc::clone(scene), *check);
    let found = within(*patience, move || check(&theirs)).and_then(|found| found);
    let log = log.path(scene);
    timed(component, scene.inner.index, started, found, log)
}

pub(crate) fn timed(
    component: &'static str,
    level: usize,
    started: Instant,
    found: Result<Found, String>,
    log: Option<PathBuf>,
) -> Row {
    let milliseconds = Some(started.elapsed().as_secs_f64() * 1e3);
    let (state, note) = match found {
        Ok(Found::Good(note)) => (State::Working, note),
        Ok(Found::Nothing(note)) => (State::Unused, note),
        Err(cause) => (State::Failing, cause),
    };
    Row {
        component,
        level: Some(level),
        state,
        milliseconds,
        note,
        log: log.filter(|_| state == State::Failing),
    }
}

/// A level's server, by a ping and what it has.
fn garden(level: &Level) -> Row {
    let started = Instant::now();
    let client = level.garden();
    let asked = within(PATIENCE, move || {
        let handles = client
            .ping()
            .and_then(|()| client.list(&Default::default()));
        handles.map_err(|error| said(&error))
    });
    let found = asked.and_then(|handles| handles);
    let found = found.map(|handles| Found::Good(format!("{} containers", handles.len())));
    let log = match level.index {
        0 => level.here("garden.log"),
        _ => level.here("vcap/sys/log/garden/garden.log"),
    };
    timed("Garden", level.index, started, found, Some(log))
}
