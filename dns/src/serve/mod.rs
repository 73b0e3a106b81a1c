//! The process that answers: sockets it was given, and no rights.
//!
//! One thread reads packets and answers at once what is known here; one takes connections. Each
//! question to somebody else and each connection has a thread, and both have a bound, so that nobody
//! who asks a lot takes more than that: what is over it fails at once.

mod tcp;
mod udp;
mod watch;

use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use warren_lib_dns::Query;

use crate::answer::{Carrier, Decision, decide, failure};
use crate::cache::Cache;
use crate::keeper::rights;
use crate::keeper::watch::WatchError;
use crate::names::{Names, Snapshot};
use crate::recursors::Recursors;
use crate::{Log, Sources, forward};

/// How many questions to others may be under way.
const QUESTIONS: usize = 128;
/// How many connections there may be.
const CONNECTIONS: usize = 64;
/// Of threads that wait.
const STACK: usize = 256 << 10;

/// It cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nothing can be read any more.
    #[error("cannot receive queries over {0}")]
    Receive(&'static str, #[source] std::io::Error),
    /// It is not what it should be.
    #[error("cannot begin as a process without rights")]
    Rights(#[source] std::io::Error),
    /// It was given no sockets.
    #[error("standard input and output are not a UDP and a TCP socket")]
    Sockets(#[source] std::io::Error),
    /// Changes of files cannot be followed.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Nobody could end it.
    #[error("cannot take signals")]
    Signals(#[source] std::io::Error),
    /// No thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// All that its threads share.
struct Server {
    names: Names,
    cache: Mutex<Cache>,
    questions: Permits,
    connections: Permits,
    log: Log,
}

/// As [`run`], in the process that [`keeper::begin`](crate::keeper::begin) has become: on the sockets
/// that are its standard input and output, and only without any rights. `first` says that
/// `/etc/resolv.conf` names us first.
///
/// # Errors
/// [`ServeError`]. Told to end, or when there is something for root to do, the process ends with 0.
pub fn without_rights(sources: Sources, first: bool, log: Log) -> Result<(), ServeError> {
    rights::answerer().map_err(ServeError::Rights)?;
    // For whoever lists processes; the name of what was executed says nothing.
    let _ = rustix::thread::set_name(c"warren-dns");
    let udp = std::io::stdin().as_fd().try_clone_to_owned();
    let tcp = std::io::stdout().as_fd().try_clone_to_owned();
    let udp = UdpSocket::from(udp.map_err(ServeError::Sockets)?);
    let tcp = TcpListener::from(tcp.map_err(ServeError::Sockets)?);
    let address = udp.local_addr().map_err(ServeError::Sockets)?;
    tcp.local_addr().map_err(ServeError::Sockets)?;
    watch::start(&sources, first, log)?;
    log(&format!("answering on {address}"));
    run(udp, tcp, sources, log)
}

/// Answers on these sockets for as long as it can.
///
/// # Errors
/// [`ServeError`]; there is no other end.
pub fn run(udp: UdpSocket, tcp: TcpListener, sources: Sources, log: Log) -> Result<(), ServeError> {
    let server = Arc::new(Server {
        names: Names::new(sources, log),
        cache: Mutex::default(),
        questions: Permits::new(QUESTIONS),
        connections: Permits::new(CONNECTIONS),
        log,
    });
    server.names.current();
    let theirs = Arc::clone(&server);
    std::thread::Builder::new()
        .name("connections".to_owned())
        .stack_size(STACK)
        .spawn(move || tcp::run(&theirs, &tcp))
        .map_err(ServeError::Thread)?;
    udp::run(&server, &Arc::new(udp))
}

/// What to do with a message, as far as it can be done at once.
enum Step<'a> {
    Silence,
    Say(Vec<u8>),
    Ask(Box<Question<'a>>),
}

struct Question<'a> {
    query: Query<'a>,
    snapshot: Arc<Snapshot>,
    recursors: Arc<Recursors>,
    cached: bool,
}

impl Server {
    fn step<'a>(&self, message: &'a [u8], carrier: Carrier) -> Step<'a> {
        let snapshot = self.names.current();
        match decide(message, &snapshot, carrier) {
            Decision::Silence => Step::Silence,
            Decision::Say(bytes) => Step::Say(bytes),
            Decision::Ask {
                query,
                recursors,
                cached,
            } => {
                if cached && query.wants_recursion() {
                    let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                    let cache = cache.of_generation(snapshot.generation);
                    if let Some(bytes) = cache.get(&query, Instant::now(), carrier.limit(&query)) {
                        return Step::Say(bytes);
                    }
                }
                Step::Ask(Box::new(Question {
                    query,
                    snapshot,
                    recursors,
                    cached,
                }))
            }
        }
    }

    /// Asks; this takes seconds at worst.
    fn ask(&self, message: &[u8], question: &Question<'_>, carrier: Carrier) -> Vec<u8> {
        let query = &question.query;
        let Some(answer) = forward::ask(message, query, &question.recursors, carrier) else {
            return failure(query);
        };
        if question.cached && query.wants_recursion() {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.of_generation(question.snapshot.generation).put(
                query,
                &answer.bytes,
                answer.response,
                Instant::now(),
            );
        }
        answer.bytes
    }
}

/// A number of things that may be under way at once.
struct Permits(Arc<AtomicUsize>);

/// One of them; given back when dropped.
struct Permit(Arc<AtomicUsize>);

impl Permits {
    fn new(count: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(count)))
    }

    fn take(&self) -> Option<Permit> {
        let left = &self.0;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .ok()
            .map(|_| Permit(Arc::clone(left)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Permits;

    #[test]
    fn permits_are_given_back() {
        let permits = Permits::new(2);
        let (one, two) = (permits.take(), permits.take());
        assert!(one.is_some() && two.is_some() && permits.take().is_none());
        drop(one);
        assert!(permits.take().is_some());
    }
}
