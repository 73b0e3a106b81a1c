//! Workers that are kept.
//!
//! A request takes an idle worker, or starts one while there are fewer than `workers`; a worker that
//! failed, or that serves one request only, is not used again. Nothing is started before it is needed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::Error;
use crate::request::{Answer, Outcome, Request};
use crate::worker::{Asked, Worker};

/// How long a worker may take until it is ready; it takes a moment where nothing is wrong.
const START: Duration = Duration::from_secs(60);

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
    /// What a worker says of its sandbox is logged once.
    complained: AtomicBool,
}

impl Pool {
    /// A pool without any worker yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            turns: Semaphore::new(options.workers.max(1)),
            idle: Mutex::new(Vec::new()),
            complained: AtomicBool::new(false),
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
        let patience = self.options.patience;
        let mut worker = match idle {
            Some(worker) => worker,
            None => self.start().await?,
        };
        let asked = timeout(patience, worker.ask(&line)).await;
        let template = || {
            let at = worker.rendering?;
            Some(request.templates.get(at)?.name.to_owned())
        };
        let job = job.to_owned();
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(Asked::Ended(said))) => {
                return Err(Error::Ended {
                    template: template(),
                    job,
                    said,
                });
            }
            Ok(Err(Asked::TooMuch)) => {
                return Err(Error::TooMuch {
                    template: template(),
                    job,
                });
            }
            Err(_elapsed) => {
                return Err(Error::TimedOut {
                    template: template(),
                    job,
                    after: patience,
                });
            }
        };
        let parsed: Answer = serde_json::from_slice(&answer).map_err(|_| wrong(&answer))?;
        if parsed.files.len() != request.templates.len() {
            return Err(wrong(&answer));
        }
        if worker.serves_more() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(worker);
        }
        Ok(parsed.files)
    }

    async fn start(&self) -> Result<Worker, Error> {
        let worker = timeout(START, Worker::start(&self.options))
            .await
            .map_err(|_elapsed| Error::NotStarted {
                program: self.options.command.join(" "),
                after: START,
            })??;
        let complaint = worker.complaint();
        if !complaint.is_empty() && !self.complained.swap(true, Ordering::Relaxed) {
            eprintln!("template worker: {complaint}");
        }
        Ok(worker)
    }
}

fn line(request: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    // Compact JSON has no line ends.
    serde_json::to_vec(request)
}
