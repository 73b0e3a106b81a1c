//! The handle of a connection, and what it tells.
//!
//! ```text
//!              ┌────────────── wait (backoff) ◄──────────────┐
//!              ▼                                              │ any failure
//!   before_connect ──► connecting ──► connected ──────────────┘
//!                                        │ close
//!                                        ▼
//!                                      closed
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::OwnedFd;

use crate::codec;
use crate::connection;
use crate::tls::Tls;
use crate::url::ServerUrl;

/// The longest message that a server takes of which nothing else is known.
pub const DEFAULT_MAX_PAYLOAD: usize = 1024 * 1024;
/// How many bytes wait for a connection at most.
pub const QUEUE_LIMIT: usize = 16 * 1024 * 1024;

/// Where to connect and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Servers, tried in turn.
    pub servers: Vec<ServerUrl>,
    /// TLS; none for servers without.
    pub tls: Option<Tls>,
    /// For the server's log.
    pub name: String,
    /// What to subscribe to on every connection.
    pub subjects: Vec<String>,
    /// How often to ask whether the server is still there; two unanswered end a connection.
    pub ping_interval: Duration,
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// To what it was published.
    pub subject: String,
    /// Where an answer goes, if anywhere.
    pub reply: Option<String>,
    /// Content.
    pub payload: Vec<u8>,
}

/// What became of the connection.
#[derive(Debug, Clone)]
pub enum Event {
    /// It stands, and all subscriptions are in force.
    Connected {
        /// To whom.
        server: String,
        /// How many attempts failed before.
        failures: u32,
    },
    /// There is none, or none any more.
    Failed {
        /// To whom.
        server: String,
        /// Why, with all causes.
        reason: String,
        /// What kind of failure it is.
        kind: Kind,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The server complained without ending the connection.
    Complaint(String),
}

/// What may help against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody was there to be asked: time, as a rule.
    Absence,
    /// The one side said no to the other, and will until somebody changes something.
    Refusal,
    /// Anything else, which tells nothing about the next time.
    Trouble,
}

/// Who is told. Called on the connection's own thread, so answers must come quickly.
pub trait Events: Send + Sync {
    /// A message came in.
    fn message(&self, message: Message);
    /// Something became of the connection.
    fn event(&self, event: &Event);
    /// An attempt is about to be made.
    fn before_connect(&self, _server: &ServerUrl) {}
}

/// A message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// A subject that could not be written in a line.
    #[error("not a subject that can be published to")]
    Subject,
    /// Too much waits for a connection already.
    #[error("more than {QUEUE_LIMIT} bytes wait for a connection to NATS")]
    Full,
    /// The server would end the connection over it, and over it again on the next one.
    #[error("{size} bytes are more than `max_payload` of the NATS server ({limit})")]
    TooLong {
        /// Its length.
        size: usize,
        /// The longest that the server takes.
        limit: usize,
    },
    /// The client was closed.
    #[error("the connection to NATS was closed")]
    Closed,
}

/// A message as it is sent.
pub(crate) struct Frame {
    pub bytes: Vec<u8>,
    /// How many of them are its content.
    pub payload: usize,
}

#[derive(Default)]
pub(crate) struct State {
    /// Frames to send, oldest first.
    pub queue: VecDeque<Frame>,
    pub queued: usize,
    /// What the server said last that it takes.
    pub max_payload: Option<usize>,
    pub connected: bool,
    pub closing: bool,
    pub closed: bool,
    /// How many flushes were asked for, and how many of them are done.
    pub flushes: (u64, u64),
}

impl State {
    fn max_payload(&self) -> usize {
        self.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD)
    }
}

pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    pub wake: OwnedFd,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn changed(&self) {
        self.changed.notify_all();
    }

    fn wake(&self) {
        // A full counter wakes as well.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Waits until `is_so` or the deadline; tells whether it is so.
    fn wait(&self, limit: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while !is_so(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return is_so(&state);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Sleeps, unless it is to be closed; tells whether to go on.
    pub(crate) fn pause(&self, length: Duration) -> bool {
        !self.wait(length, |state| state.closing)
    }
}

/// A connection that is made again for ever. Dropping it closes it.
pub struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Begins to connect.
    ///
    /// # Errors
    ///
    /// No descriptor or no thread can be had.
    pub fn start(options: Options, events: Arc<dyn Events>) -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            wake,
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("nats".to_owned())
            .spawn(move || connection::run(&options, &theirs, &*events))?;
        let thread = Some(thread);
        Ok(Self { shared, thread })
    }

    /// Queues a message; it is sent as soon as there is a connection.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    pub fn publish(&self, subject: &str, payload: &[u8]) -> Result<(), PublishError> {
        if !codec::is_subject(subject) {
            return Err(PublishError::Subject);
        }
        let frame = codec::publish(subject, payload);
        let mut state = self.shared.lock();
        if state.closing {
            return Err(PublishError::Closed);
        }
        let (size, limit) = (payload.len(), state.max_payload());
        if size > limit {
            return Err(PublishError::TooLong { size, limit });
        }
        if state.queued + frame.len() > QUEUE_LIMIT {
            return Err(PublishError::Full);
        }
        state.queued += frame.len();
        state.queue.push_back(Frame {
            bytes: frame,
            payload: size,
        });
        drop(state);
        self.shared.wake();
        Ok(())
    }

    /// Whether there is a connection at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.lock().connected
    }

    /// The longest message that the server takes, bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.shared.lock().max_payload()
    }

    /// Waits for a connection; tells whether there is one.
    #[must_use]
    pub fn wait_connected(&self, limit: Duration) -> bool {
        self.shared.wait(limit, |state| state.connected)
    }

    /// Waits until the server has all that was published; tells whether it has.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let mine = {
            let mut state = self.shared.lock();
            state.flushes.0 += 1;
            state.flushes.0
        };
        self.shared.wake();
        self.shared.wait(limit, |state| state.flushes.1 >= mine)
    }

    /// Ends the connection; what was not sent is lost. An attempt that hangs is left to itself.
    pub fn close(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed();
        self.shared.wake();
        let ended = self
            .shared
            .wait(Duration::from_secs(1), |state| state.closed);
        if let Some(thread) = self.thread.take()
            && ended
        {
            // A panic there was reported by the runtime already.
            let _ = thread.join();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}
