//! Workers that are kept.
//!
//! A request takes an idle worker, or starts one while there are fewer than `workers`; a worker that
//! failed is not used again. Nothing is started before it is needed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::Error;
use crate::request::{Answer, Outcome, Request};
use crate::worker::Worker;

/// How workers are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Ruby with what it is to be started by: `["warren", "sandbox", "--", "ruby"]`.
    pub command: Vec<String>,
    /// How many at once.
    pub workers: usize,
    /// How long the templates of one job may take.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            command: vec!["ruby".to_owned()],
            workers: 2,
            patience: Duration::from_secs(120),
        }
    }
}

/// Workers that are kept.
pub struct Pool {
    options: Options,
    turns: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

impl Pool {
    /// A pool without any worker yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            turns: Semaphore::new(options.workers.max(1)),
            idle: Mutex::new(Vec::new()),
            options,
        }
    }

    pub(crate) async fn ask(
        &self,
        job: &str,
        request: &Request<'_>,
    ) -> Result<Vec<Outcome>, Error> {
        let wrong = |answer: &[u8]| Error::Answer {
            job: job.to_owned(),
            answer: String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned(),
        };
        let line = line(request).map_err(|error| wrong(error.to_string().as_bytes()))?;
        // Never closed, so that it always gives a turn.
        let _turn = self.turns.acquire().await;
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => Worker::start(&self.options).await?,
        };
        let answer = timeout(self.options.patience, worker.ask(job, &line))
            .await
            .map_err(|_| Error::TimedOut {
                job: job.to_owned(),
                after: self.options.patience,
            })??;
        let parsed: Answer = serde_json::from_slice(&answer).map_err(|_| wrong(&answer))?;
        if parsed.files.len() != request.templates.len() {
            return Err(wrong(&answer));
        }
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(worker);
        Ok(parsed.files)
    }
}

fn line(request: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    // Compact JSON has no line ends.
    serde_json::to_vec(request)
}
