//! One output of one attachment.
//!
//! While somebody fetches, nothing is lost: a full queue holds the sender back, as a pipe would.
//! While nobody does, what is beyond [`ROOM`] is dropped, so that an output nobody wants stops
//! nothing. A client that wants it opens the socket right after the first line of control, so that
//! at first a full queue waits for it for a moment ([`PATIENCE`]).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, timeout_at};

/// Bytes that a queue holds before it holds back or drops.
pub const ROOM: usize = 1 << 20;

/// How long after its beginning a full queue waits for somebody to fetch.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// One output, from its first byte to its end.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    /// Until when somebody may still come for the first bytes.
    expected: Instant,
}

impl Default for Queue {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    taken: u64,
    dropped: u64,
    has_ended: bool,
    readers: usize,
    was_read: bool,
}

/// Somebody who fetches.
pub struct Reader<'q> {
    queue: &'q Queue,
}

/// How far a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes in it.
    pub waiting: usize,
    /// Bytes that were fetched.
    pub taken: u64,
    /// Bytes that were dropped because nobody fetched.
    pub dropped: u64,
    /// Whether somebody ever fetched.
    pub was_read: bool,
    /// Whether somebody fetches.
    pub is_read: bool,
}

impl Queue {
    /// One that waits so long for somebody to fetch.
    fn with_patience(patience: Duration) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            expected: Instant::now() + patience,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a piece; waits while the queue is full and somebody fetches. Answers how many bytes were
    /// dropped because nobody does. After the end nobody waits for any.
    pub async fn push(&self, piece: Vec<u8>) -> u64 {
        if piece.is_empty() {
            return 0;
        }
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if state.has_ended {
                    return 0;
                }
                if state.bytes < ROOM {
                    state.bytes += piece.len();
                    state.pieces.push_back(piece);
                    break;
                }
                let is_expected = !state.was_read && Instant::now() < self.expected;
                if state.readers == 0 && !is_expected {
                    state.dropped += piece.len() as u64;
                    return piece.len() as u64;
                }
            }
            // A reader that came keeps waking this one; without any the time runs out once.
            if Instant::now() < self.expected {
                let _whichever = timeout_at(self.expected, changed).await;
            } else {
                changed.await;
            }
        }
        self.changed.notify_waiters();
        0
    }

    /// Nothing more will come.
    pub fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_waiters();
    }

    /// Begins to fetch.
    pub fn read(&self) -> Reader<'_> {
        {
            let mut state = self.lock();
            state.readers += 1;
            state.was_read = true;
        }
        Reader { queue: self }
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let state = self.lock();
        Progress {
            waiting: state.bytes,
            taken: state.taken,
            dropped: state.dropped,
            was_read: state.was_read,
            is_read: state.readers > 0,
        }
    }

    /// The next change of any kind, from this call on. Make it before looking at
    /// [`Self::progress`].
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

impl Reader<'_> {
    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let changed = self.queue.changed.notified();
            {
                let mut state = self.queue.lock();
                if let Some(piece) = state.pieces.pop_front() {
                    return Some(piece);
                }
                if state.has_ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Says that so many bytes of a piece have reached the client; they counted as waiting until
    /// now. The rest of the piece, if any, goes back for the next reader.
    pub fn settle(&mut self, mut piece: Vec<u8>, sent: usize) {
        {
            let mut state = self.queue.lock();
            let sent = sent.min(piece.len());
            state.bytes = state.bytes.saturating_sub(sent);
            state.taken += sent as u64;
            piece.drain(..sent);
            if !piece.is_empty() {
                state.pieces.push_front(piece);
            }
        }
        self.queue.changed.notify_waiters();
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.queue.lock().readers -= 1;
        self.queue.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn without_a_reader_the_first_bytes_are_kept_and_the_rest_dropped() {
        runtime().block_on(async {
            let queue = Queue::with_patience(Duration::ZERO);
            for _ in 0..40 {
                queue.push(vec![7; ROOM / 32]).await;
            }
            queue.end();
            let progress = queue.progress();
            assert_eq!(progress.waiting, ROOM);
            assert_eq!(progress.dropped, (ROOM / 32 * 8) as u64);
            let mut reader = queue.read();
            let mut bytes = 0;
            while let Some(piece) = reader.next().await {
                bytes += piece.len();
                let length = piece.len();
                reader.settle(piece, length);
            }
            assert_eq!(bytes, ROOM);
            assert_eq!(queue.progress().waiting, 0);
        });
    }

    #[test]
    fn a_reader_that_comes_a_little_late_gets_everything() {
        runtime().block_on(async {
            let queue = Arc::new(Queue::with_patience(Duration::from_secs(60)));
            let sender = Arc::clone(&queue);
            let task = tokio::spawn(async move {
                for _ in 0..40 {
                    sender.push(vec![7; ROOM / 32]).await;
                }
                sender.end();
            });
            while queue.progress().waiting < ROOM {
                tokio::task::yield_now().await;
            }
            let mut reader = queue.read();
            let mut bytes = 0;
            while let Some(piece) = reader.next().await {
                bytes += piece.len();
                let length = piece.len();
                reader.settle(piece, length);
            }
            task.await.unwrap();
            assert_eq!((bytes, queue.progress().dropped), (ROOM / 32 * 40, 0));
        });
    }

    #[test]
    fn with_a_slow_reader_nothing_is_lost() {
        runtime().block_on(async {
            let queue = Arc::new(Queue::default());
            let sender = Arc::clone(&queue);
            let mut reader = queue.read();
            let sent: u64 = 3 * ROOM as u64;
            let task = tokio::spawn(async move {
                for _ in 0..(sent / 1024) {
                    sender.push(vec![1; 1024]).await;
                }
                sender.end();
            });
            let mut received = 0;
            while let Some(piece) = reader.next().await {
                received += piece.len() as u64;
                let length = piece.len();
                reader.settle(piece, length);
                if received.is_multiple_of(64 * 1024) {
                    tokio::task::yield_now().await;
                }
            }
            task.await.unwrap();
            assert_eq!(received, sent);
            assert_eq!(queue.progress().dropped, 0);
        });
    }

    #[test]
    fn what_a_dead_reader_could_not_send_is_left_for_the_next() {
        runtime().block_on(async {
            let queue = Queue::default();
            queue.push(b"hello".to_vec()).await;
            queue.end();
            let mut first = queue.read();
            let piece = first.next().await.unwrap();
            first.settle(piece, 2);
            drop(first);
            let mut second = queue.read();
            assert_eq!(second.next().await.as_deref(), Some(b"llo".as_slice()));
        });
    }
}
