//! Which attachment a stream id names.
//!
//! An attachment is there from the first line of its control socket until a minute after its
//! process ended, so that a client that is late still gets all output.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::losses::{Cause, Losses};
use super::queue::Queue;

/// How long the outputs of an ended attachment can be fetched.
pub const KEPT: Duration = Duration::from_secs(60);

/// Both outputs of one control socket.
#[derive(Debug)]
pub struct Attachment {
    /// Its id in paths.
    pub stream_id: String,
    /// The container.
    pub handle: String,
    /// The process in it.
    pub process_id: String,
    /// Standard output, and all output of a terminal.
    pub stdout: Queue,
    /// Standard error.
    pub stderr: Queue,
}

/// All attachments of a server.
#[derive(Debug, Default)]
pub struct Attachments {
    next: AtomicU64,
    all: Mutex<HashMap<String, Arc<Attachment>>>,
    /// Open control sockets by container and process.
    open: Mutex<HashMap<(String, String), usize>>,
    is_over: AtomicBool,
}

impl Attachments {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Attachment>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(String, String), usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server ends: clients that go from now on go because of that, and come back to the next.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether the server ends.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// A new attachment.
    pub fn add(&self, handle: &str, process_id: &str) -> Arc<Attachment> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let attachment = Arc::new(Attachment {
            stream_id: number.to_string(),
            handle: handle.to_owned(),
            process_id: process_id.to_owned(),
            stdout: Queue::default(),
            stderr: Queue::default(),
        });
        self.lock()
            .insert(attachment.stream_id.clone(), Arc::clone(&attachment));
        let key = (handle.to_owned(), process_id.to_owned());
        *self.counts().entry(key).or_default() += 1;
        attachment
    }

    /// The attachment of that id, if it is of that process.
    pub fn find(&self, handle: &str, process_id: &str, id: &str) -> Option<Arc<Attachment>> {
        let found = self.lock().get(id).cloned();
        found.filter(|found| found.handle == handle && found.process_id == process_id)
    }

    /// The client of an attachment has hung up, or its process ended; whether it was the last open
    /// one of its process.
    pub fn close(&self, attachment: &Attachment) -> bool {
        let key = (attachment.handle.clone(), attachment.process_id.clone());
        let mut counts = self.counts();
        let left = counts.get(&key).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.remove(&key);
        } else {
            counts.insert(key, left);
        }
        left == 0
    }

    /// Forgets an attachment whose outputs have ended, after [`KEPT`]. What somebody began to fetch
    /// and nobody took to its end is lost then; what nobody asked for is not.
    pub fn retire(self: &Arc<Self>, attachment: &Arc<Attachment>, losses: Arc<Losses>) {
        let (all, attachment) = (Arc::clone(self), Arc::clone(attachment));
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            all.lock().remove(&attachment.stream_id);
            for queue in [&attachment.stdout, &attachment.stderr] {
                let progress = queue.progress();
                if progress.was_read && !progress.is_read {
                    losses.add(Cause::Unwanted, progress.waiting as u64);
                }
            }
        });
    }
}
