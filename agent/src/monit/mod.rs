//! The supervisor, over monit's HTTP interface and its files, and nothing else: stock monit can
//! stand where ours does.
//!
//! | file | what |
//! |---|---|
//! | `monit/monit.user` | `vcap:<password>`; the supervisor reads it, so do we |
//! | `monit/job/NNNN_JOB.monitrc` | one for each job, written by `start`, removed by `apply` |
//! | `monit/stopped` | there if all was stopped on demand |

pub mod client;
pub mod jobs;
pub mod reload;
pub mod status;
pub mod stop;

use std::time::Duration;

use warren_wire_agent::state::{JobState, Process};

use crate::files::FileError;
use crate::paths::Paths;
use client::Client;
use status::Status;

/// Between two looks while something is waited for.
pub const LOOK: Duration = Duration::from_millis(50);

/// The supervisor did not do as it should.
#[derive(Debug, thiserror::Error)]
pub enum MonitError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// No answer.
    #[error("cannot ask the supervisor at {place} to {what}")]
    Transport {
        /// Where.
        place: String,
        /// What for.
        what: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// Another answer.
    #[error("the supervisor answered {status} when asked to {what}")]
    Answer {
        /// Its status.
        status: u16,
        /// What it was asked.
        what: String,
    },
    /// An answer that cannot be read.
    #[error("the supervisor's status cannot be read")]
    Status(#[from] status::StatusError),
    /// It took no notice.
    #[error("Failed to reload monit: before={before} after={after}; {tried}")]
    Reload {
        /// Its incarnation before.
        before: String,
        /// Its incarnation after.
        after: String,
        /// What was done.
        tried: String,
    },
    /// It took too long.
    #[error("Timed out waiting for services '{0}' to stop after 5 minutes")]
    StopTimeout(String),
    /// Other actions took too long.
    #[error("Timed out waiting for services '{0}' to no longer be pending after 5 minutes")]
    PendingTimeout(String),
    /// It could not stop something.
    #[error("Stopping services '{0}' errored")]
    StopErrored(String),
    /// A name of a job.
    #[error(transparent)]
    Name(#[from] crate::files::NotAName),
}

/// The supervisor.
pub struct Monit {
    paths: Paths,
    client: Client,
    reload: reload::Ways,
    stop_limit: Duration,
}

impl Monit {
    /// Over HTTP at a place such as `127.0.0.1:2822`.
    #[must_use]
    pub fn new(paths: Paths, place: &str, reload: reload::Ways) -> Self {
        let client = Client::new(place, paths.monit_user());
        Self {
            paths,
            client,
            reload,
            stop_limit: stop::LIMIT,
        }
    }

    /// With another limit for stops; for tests.
    #[must_use]
    pub fn stop_limit(mut self, limit: Duration) -> Self {
        self.stop_limit = limit;
        self
    }

    /// What the supervisor says now, asked once.
    ///
    /// # Errors
    /// [`MonitError`].
    pub fn status(&self) -> Result<Status, MonitError> {
        self.client.status()
    }

    /// All jobs together.
    #[must_use]
    pub fn job_state(&self, status: Option<&Status>) -> JobState {
        match status {
            None => JobState::Unknown,
            Some(_) if self.paths.stopped().exists() => JobState::Stopped,
            Some(status) => status.job_state(),
        }
    }

    /// Each process.
    #[must_use]
    pub fn processes(status: Option<&Status>) -> Vec<Process> {
        status.map(Status::processes).unwrap_or_default()
    }

    /// Starts all services of the group `vcap`, and forgets that they were stopped.
    ///
    /// # Errors
    /// [`MonitError`].
    pub fn start(&self) -> Result<(), MonitError> {
        for name in self.client.status_patiently()?.vcap_names() {
            self.client.act(&name, "start")?;
        }
        Ok(crate::files::remove(&self.paths.stopped())?)
    }

    /// Has no service of the group `vcap` be started again when it ends.
    ///
    /// # Errors
    /// [`MonitError`].
    pub fn unmonitor(&self) -> Result<(), MonitError> {
        for name in self.client.status_patiently()?.vcap_names() {
            self.client.act(&name, "unmonitor")?;
        }
        Ok(())
    }
}
