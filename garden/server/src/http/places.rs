//! How many connections there are at once: clients that leave theirs open, or are told apart from broken
//! ones by nothing, must not take the descriptors and threads that containers are made with.
//!
//! Who comes when all places are taken waits in the socket's queue until one is free.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::log::Log;

/// Most connections, however many descriptors there may be: each may have a thread.
const MOST: u64 = 8192;
/// The part of the descriptors that is left for what calls do.
const LEFT: u64 = 8;
/// How long nothing is told once it was.
const QUIET: Duration = Duration::from_secs(60);

/// Places for connections.
pub struct Places {
    free: Arc<Semaphore>,
    log: Log,
    told: Mutex<Option<Instant>>,
}

/// How many connections a process with so many descriptors may have.
#[must_use]
pub fn fit(descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.unwrap_or(u64::MAX);
    let most = (descriptors - descriptors / LEFT).min(MOST);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// As many as this process may have.
#[must_use]
pub fn of_process() -> usize {
    fit(getrlimit(Resource::Nofile).current)
}

impl Places {
    /// So many.
    #[must_use]
    pub fn new(count: usize, log: Log) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            log,
            told: Mutex::new(None),
        }
    }

    /// Waits for one, which is free again when the answer is dropped.
    pub async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(place);
        }
        self.tell(
            "there are as many connections as there may be; others wait until one ends",
            &[],
        );
        // Nobody closes it.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// A connection could not be accepted, for want of descriptors as a rule.
    pub fn refused(&self, error: &io::Error) {
        let text = error.to_string();
        self.tell("cannot accept a connection", &[("error", &text)]);
    }

    /// A line in the log, unless there was one just now.
    fn tell(&self, message: &str, values: &[(&str, &str)]) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|then| now.duration_since(then) >= QUIET) {
            *told = Some(now);
            self.log.error(message, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left() {
        assert_eq!(fit(Some(1024)), 896);
        assert_eq!(fit(Some(1 << 20)), 8192);
        assert_eq!(fit(None), 8192);
    }
}
