//! The shim's loop with real processes and no container: what concerns pipes, terminals and ends
//! needs neither root nor namespaces. With the engine: `tests/host`.

mod ends;
mod plain;
mod resume;
mod slow;
mod stops;
mod terminals;

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Shim, Times};
use crate::depot::{Depot, Outcome, Session};
use crate::frame::{Frame, Stream};
use crate::spec::ProcessSpec;
use crate::wire::Request;
use plain::Plain;

/// No test waits longer than this for what has to come.
const DEADLINE: Duration = Duration::from_secs(30);
const HANDLE: &str = "h";

/// One at a time: what is forked for another has copies of all sockets and pipes until its program begins, so
/// that what was closed here is not closed yet for whoever is at the other end.
static ALONE: Mutex<()> = Mutex::new(());

/// A shim in a thread, and the depot that reaches it.
struct World {
    depot: Depot,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    /// A container that has been started.
    fn new() -> Self {
        Self::with(Times::default())
    }

    /// One that waits for others for other times.
    fn with(times: Times) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::open(folder.path(), PathBuf::from("/nonexistent")).unwrap();
        let directory = depot.path(HANDLE);
        std::fs::create_dir(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("shim.sock")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let thread = std::thread::spawn(move || {
            let mut shim = Shim::new(directory, Plain::new(), listener, times).unwrap();
            shim.serve().unwrap();
        });
        depot.start(HANDLE).unwrap();
        Self {
            depot,
            thread: Some(thread),
            _folder: folder,
            _alone: alone,
        }
    }

    fn run(&self, spec: &ProcessSpec) -> Session {
        let session = self.depot.run(HANDLE, spec).unwrap();
        session.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        session
    }

    fn shell(&self, script: &str) -> Session {
        self.run(&shell(script))
    }

    fn attach(&self, id: &str) -> Session {
        let session = self.depot.attach(HANDLE, id).unwrap();
        session.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        session
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let killed = self.depot.ask::<()>(HANDLE, "", &Request::Kill);
        let joined = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            killed.unwrap();
            joined.unwrap().unwrap();
        }
    }
}

fn shell(script: &str) -> ProcessSpec {
    ProcessSpec {
        path: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        ..ProcessSpec::default()
    }
}

/// Reads output until it ends with `text`.
fn read_until(session: &Session, text: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(text.as_bytes()) {
        match session.receive().unwrap() {
            Some(Frame::Output(Stream::Stdout, bytes)) => all.extend(bytes),
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8(all).unwrap()
}

fn stdout(outcome: &Outcome) -> String {
    String::from_utf8(outcome.stdout.clone()).unwrap()
}

/// Waits for a condition.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
