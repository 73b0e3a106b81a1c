//! Tasks: work that a director asks for now and asks about later.
//!
//! ```text
//! add ──► waiting ──► running ──► done (value or failure), kept for the last 256
//!            └── cancel ──┘
//! ```
//!
//! What changes the state of the instance runs one after the other, in the order it came in; what
//! only reads, or is a program of its own, runs beside it.

mod errands;
mod kept;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use kept::Kept;

use crate::process::Cancel;

/// How many results are kept.
const KEPT: usize = 256;
/// How many tasks run beside the queue at once.
const BESIDE: usize = 16;

/// What came of a task.
pub type Outcome = Result<Value, String>;
/// The work itself.
pub type Work = Box<dyn FnOnce(&Cancel) -> Outcome + Send>;

/// Where a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// After all that came before it.
    Queue,
    /// At once.
    Beside,
}

/// What is known of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It has not finished.
    Running,
    /// It has.
    Done(Outcome),
}

/// Why a task was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// No such task.
    #[error("Task with id {0} could not be found")]
    Unknown(String),
    /// One that cannot be.
    #[error("not supported")]
    Unsupported,
}

struct Entry {
    state: State,
    cancel: Option<Cancel>,
    /// Which errand it is, if it is one.
    errand: Option<String>,
}

impl Entry {
    fn is_running_errand(&self) -> bool {
        self.errand.is_some() && self.state == State::Running
    }
}

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Entry>,
    done: VecDeque<String>,
    beside: usize,
    waiting: VecDeque<(String, Cancel, Work)>,
}

/// All tasks.
pub struct Tasks {
    inner: std::sync::Arc<Mutex<Inner>>,
    queue: Sender<(String, Cancel, Work)>,
    kept: Mutex<PathBuf>,
}

fn locked(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn finish(inner: &Mutex<Inner>, id: &str, outcome: Outcome) {
    let mut inner = locked(inner);
    if let Some(entry) = inner.entries.get_mut(id) {
        entry.state = State::Done(outcome);
        inner.done.push_back(id.to_owned());
    }
    while inner.done.len() > KEPT {
        if let Some(old) = inner.done.pop_front() {
            inner.entries.remove(&old);
        }
    }
}

/// Does the work; a panic in it is a failure of the task and of nothing else. (Where panics abort, as
/// in released executables, the agent ends instead, and init starts it again.)
fn perform(inner: &Mutex<Inner>, id: &str, cancel: &Cancel, work: Work) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(cancel)));
    finish(
        inner,
        id,
        outcome.unwrap_or_else(|_| Err("the agent failed in this task".to_owned())),
    );
}

impl Tasks {
    /// None, with a file for those that survive.
    #[must_use]
    pub fn new(kept: PathBuf) -> Self {
        let inner = std::sync::Arc::new(Mutex::new(Inner::default()));
        let (queue, requests) = channel::<(String, Cancel, Work)>();
        let theirs = std::sync::Arc::clone(&inner);
        let work = move || {
            for (id, cancel, work) in requests {
                perform(&theirs, &id, &cancel, work);
            }
        };
        // Without this thread `add` fails each task.
        let _ = std::thread::Builder::new()
            .name("tasks".to_owned())
            .spawn(work);
        Self {
            inner,
            queue,
            kept: Mutex::new(kept),
        }
    }

    /// Adds a task.
    pub fn add(&self, id: &str, lane: Lane, can_cancel: bool, work: Work) {
        let cancel = Cancel::default();
        let entry = Entry {
            state: State::Running,
            cancel: can_cancel.then(|| cancel.clone()),
            errand: None,
        };
        locked(&self.inner).entries.insert(id.to_owned(), entry);
        self.give(id, lane, cancel, work);
    }

    /// Has something done when all is done that came before; whether it will be.
    pub fn in_turn(&self, work: Work) -> bool {
        // Nobody asks for it by an id.
        let nobody = (String::new(), Cancel::default(), work);
        self.queue.send(nobody).is_ok()
    }

    fn give(&self, id: &str, lane: Lane, cancel: Cancel, work: Work) {
        match lane {
            Lane::Queue => {
                if self.queue.send((id.to_owned(), cancel, work)).is_err() {
                    finish(
                        &self.inner,
                        id,
                        Err("the agent cannot run tasks".to_owned()),
                    );
                }
            }
            Lane::Beside => self.beside(id.to_owned(), cancel, work),
        }
    }

    fn beside(&self, id: String, cancel: Cancel, work: Work) {
        {
            let mut inner = locked(&self.inner);
            if inner.beside >= BESIDE {
                inner.waiting.push_back((id, cancel, work));
                return;
            }
            inner.beside += 1;
        }
        let theirs = std::sync::Arc::clone(&self.inner);
        let mut next = Some((id.clone(), cancel, work));
        let work = move || {
            while let Some((id, cancel, work)) = next.take() {
                perform(&theirs, &id, &cancel, work);
                let mut inner = locked(&theirs);
                next = inner.waiting.pop_front();
                if next.is_none() {
                    inner.beside -= 1;
                }
            }
        };
        let started = std::thread::Builder::new()
            .name("task".to_owned())
            .spawn(work);
        if let Err(error) = started {
            locked(&self.inner).beside -= 1;
            finish(
                &self.inner,
                &id,
                Err(format!("cannot start a thread: {error}")),
            );
        }
    }

    /// What is known of a task.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<State> {
        locked(&self.inner)
            .entries
            .get(id)
            .map(|entry| entry.state.clone())
    }

    /// Wishes that a task end.
    ///
    /// # Errors
    /// [`CancelError`].
    pub fn cancel(&self, id: &str) -> Result<(), CancelError> {
        let inner = locked(&self.inner);
        let entry = inner
            .entries
            .get(id)
            .ok_or_else(|| CancelError::Unknown(id.to_owned()))?;
        entry
            .cancel
            .as_ref()
            .ok_or(CancelError::Unsupported)?
            .cancel();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{CancelError, Lane, State, Tasks};
    use crate::process::Cancel;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    /// With their file in a directory of its own.
    pub(super) fn tasks() -> (tempfile::TempDir, Tasks) {
        let directory = tempfile::tempdir().unwrap();
        let tasks = Tasks::new(directory.path().join("tasks.json"));
        (directory, tasks)
    }

    /// Waits for a task's end.
    pub(super) fn wait(tasks: &Tasks, id: &str) -> State {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match tasks.get(id) {
                Some(State::Running) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                state => return state.unwrap(),
            }
        }
    }

    #[test]
    fn the_queue_keeps_its_order_and_others_pass_it() {
        let (_directory, tasks) = tasks();
        let (open, gate) = channel::<()>();
        tasks.add(
            "a",
            Lane::Queue,
            false,
            Box::new(move |_| {
                gate.recv().map_err(|error| error.to_string())?;
                Ok("a".into())
            }),
        );
        tasks.add("b", Lane::Queue, false, Box::new(|_| Ok("b".into())));
        tasks.add("c", Lane::Beside, false, Box::new(|_| Ok("c".into())));
        assert_eq!(wait(&tasks, "c"), State::Done(Ok("c".into())));
        assert_eq!(tasks.get("b"), Some(State::Running));
        open.send(()).unwrap();
        assert_eq!(wait(&tasks, "b"), State::Done(Ok("b".into())));
    }

    #[test]
    fn only_some_can_be_cancelled() {
        let (_directory, tasks) = tasks();
        tasks.add(
            "a",
            Lane::Beside,
            true,
            Box::new(|cancel| Ok(cancel.sleep(Duration::from_secs(60)).into())),
        );
        tasks.cancel("a").unwrap();
        assert_eq!(wait(&tasks, "a"), State::Done(Ok(false.into())));
        tasks.add("b", Lane::Queue, false, Box::new(|_| Ok(1.into())));
        assert_eq!(tasks.cancel("b"), Err(CancelError::Unsupported));
        assert_eq!(tasks.cancel("x"), Err(CancelError::Unknown("x".to_owned())));
    }

    #[test]
    fn what_has_no_id_has_its_turn() {
        let (_directory, tasks) = tasks();
        let (open, gate) = channel::<()>();
        let (tell, told) = channel();
        let other = tell.clone();
        let wait_first = move |_: &Cancel| {
            gate.recv().map_err(|error| error.to_string())?;
            tell.send("first").map_err(|error| error.to_string())?;
            Ok(1.into())
        };
        tasks.add("a", Lane::Queue, false, Box::new(wait_first));
        let then = move |_: &Cancel| {
            other.send("second").map_err(|error| error.to_string())?;
            Ok(1.into())
        };
        assert!(tasks.in_turn(Box::new(then)));
        open.send(()).unwrap();
        assert_eq!(told.iter().take(2).collect::<Vec<_>>(), ["first", "second"]);
    }

    #[test]
    fn a_panic_fails_one_task() {
        let (_directory, tasks) = tasks();
        tasks.add("a", Lane::Queue, false, Box::new(|_| panic!("on purpose")));
        assert!(matches!(wait(&tasks, "a"), State::Done(Err(_))));
        tasks.add("b", Lane::Queue, false, Box::new(|_| Ok(1.into())));
        assert_eq!(wait(&tasks, "b"), State::Done(Ok(1.into())));
    }

    #[test]
    fn results_are_forgotten_at_last() {
        let (_directory, tasks) = tasks();
        for at in 0..super::KEPT + 10 {
            tasks.add(
                &at.to_string(),
                Lane::Queue,
                false,
                Box::new(|_| Ok(1.into())),
            );
        }
        wait(&tasks, &(super::KEPT + 9).to_string());
        assert_eq!(tasks.get("0"), None);
    }
}
