//! Workers: they claim tasks, keep their leases and write their ends.
//!
//! Of the workers of one queue in one process, one looks for work at a time, and the others wait for
//! their turn: so that many idle workers cost what one does. It looks when somebody says that there is
//! work ([`Store::woken`](warren_director_store::Store::woken)), and now and then by itself.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};
use warren_director_store::work::{Source, Work};
use warren_director_store::{locks, now, tasks, uuid};
use warren_lib_telemetry::metrics::Timing;
use warren_lib_telemetry::{Context, Level, Listener, context, log};

use crate::lease::Lease;
use crate::{Engine, Error, Task, agent_task, jobs};

/// How often an idle worker looks by itself: for tasks of which it was not told, and for those of
/// workers that died.
const LOOK: Duration = Duration::from_secs(2);

static TASKS: Timing = Timing::new(
    "bosh_director_task_duration_seconds",
    "Tasks that ended, by type and state.",
);

/// A worker of one queue.
#[derive(Debug, Clone)]
pub struct Worker {
    /// `normal` or `urgent`.
    pub queue: &'static str,
    /// Who it is; unique.
    pub owner: String,
    turn: Arc<Mutex<()>>,
}

impl Worker {
    /// A worker with a name of its own, in a process of that name.
    #[must_use]
    pub fn new(queue: &'static str, process: &str) -> Self {
        Self {
            queue,
            owner: format!("{process}/{}", uuid::new()),
            turn: Arc::default(),
        }
    }

    /// So many workers of one queue, of which one looks for work at a time.
    #[must_use]
    pub fn crew(queue: &'static str, process: &str, size: usize) -> Vec<Self> {
        let turn = Arc::default();
        (0..size)
            .map(|_| Self {
                turn: Arc::clone(&turn),
                ..Self::new(queue, process)
            })
            .collect()
    }
}

/// Works until `stop` is ready; a task that is going on then is let go, for another worker to take.
pub async fn run(engine: Engine, worker: Worker, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let (row, since) = tokio::select! {
            () = &mut stop => return,
            found = find(&engine, &worker) => found,
        };
        tokio::select! {
            () = &mut stop => return,
            () = work(&engine, &worker, row, since) => {}
        }
    }
}

/// Waits for a task, and claims it; with the time at which that was asked for.
async fn find(engine: &Engine, worker: &Worker) -> (tasks::Task, Instant) {
    let _turn: MutexGuard<'_, ()> = worker.turn.lock().await;
    let mut woken = engine.store.woken();
    loop {
        // Before the rows are read, so that what comes later is not overlooked.
        woken.mark_unchanged();
        let asked = Instant::now();
        match claim(engine, worker).await {
            Ok(Some(row)) => return (row, asked),
            Ok(None) => {
                tokio::select! {
                    // The store, and with it whoever tells, lives as long as the engine.
                    _ = woken.changed() => {}
                    () = sleep(LOOK) => {}
                }
            }
            Err(error) => {
                let reason = warren_lib_errchain::chain(&error);
                log::line(Level::Warn, "claim_failed", &[("error", json!(reason))]);
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn claim(
    engine: &Engine,
    worker: &Worker,
) -> Result<Option<tasks::Task>, warren_director_store::Error> {
    if !tasks::is_waiting(&engine.store, worker.queue).await? {
        return Ok(None);
    }
    tasks::claim(&engine.store, worker.queue, &worker.owner).await
}

/// Does one task, and tells of it.
async fn work(engine: &Engine, worker: &Worker, row: tasks::Task, since: Instant) {
    let about = Context {
        request: row.request_id.as_str().into(),
        task: Some(row.id),
        ..Context::default()
    };
    let tell = async {
        let begun = Instant::now();
        let kind = row.kind.clone();
        let waited = now() - row.created_at;
        let fields = [
            ("type", json!(kind)),
            ("attempt", json!(row.attempts)),
            ("waited_s", json!(waited)),
        ];
        log::line(Level::Info, "task_begun", &fields);
        let state = perform(engine, worker, row, since).await;
        let took = begun.elapsed();
        TASKS.observe(&[("type", &kind), ("state", state)], took);
        let level = match state {
            "done" | "cancelled" => Level::Info,
            _ => Level::Warn,
        };
        let fields = [
            ("type", json!(kind)),
            ("state", json!(state)),
            ("ms", log::milliseconds(took)),
        ];
        log::line(level, "task_ended", &fields);
    };
    context::within(about, tell).await;
}

/// Does one task and writes its end; the answer is that end, or `lost` if it is somebody else's now.
async fn perform(
    engine: &Engine,
    worker: &Worker,
    row: tasks::Task,
    since: Instant,
) -> &'static str {
    let output = match engine.outputs.writer(row.id) {
        Ok(output) => output,
        Err(error) => {
            let story = warren_lib_errchain::chain(&error);
            finish(engine, worker, &row, "error", &story).await;
            return "error";
        }
    };
    let task = Task::new(&row, engine.store.clone(), output);
    let lease = Lease {
        store: &engine.store,
        id: row.id,
        owner: &worker.owner,
        life: engine.store.lease(),
        since,
    };
    let hears = task.clone();
    let about = Context {
        listener: Listener::new(move |text| hears.log(text)),
        ..context::current()
    };
    let job = async {
        let outcome = attempt(engine, &task, &row).await;
        // Agents may be silent for longer than a lease lasts.
        if outcome.is_err()
            && let Err(error) = agent_task::cancel_all(engine, &task).await
        {
            task.log(&error.story());
        }
        outcome
    };
    let outcome = lease
        .keep(|| task.cancel(), context::within(about, job))
        .await;
    let Some(outcome) = outcome else {
        return "lost";
    };
    let (state, result) = match outcome {
        Ok(result) => ("done", result),
        Err(error) if error.is_cancelled() => {
            task.write_error(error.code(), &format!("Task {} cancelled", row.id));
            ("cancelled", "task cancelled".to_owned())
        }
        Err(error) => {
            let story = error.story();
            task.log(&format!("failed: {story}"));
            task.write_error(error.code(), &story);
            ("error", story)
        }
    };
    finish(engine, worker, &row, state, &result).await;
    state
}

async fn attempt(engine: &Engine, task: &Task, row: &tasks::Task) -> Result<String, Error> {
    let work = row.work()?;
    // What was cancelled while nobody worked on it may have left what nobody else removes.
    let is_again = (2..=tasks::ATTEMPTS).contains(&row.attempts);
    if !is_again || !matches!(work, Work::RunErrand(_)) {
        task.check()?;
    }
    if row.attempts > tasks::ATTEMPTS {
        return Err(Error::refused(
            100,
            format!(
                "Task {} was begun {} times, and each time its worker died",
                row.id,
                tasks::ATTEMPTS
            ),
        ));
    }
    if row.attempts > 1 {
        task.warn(&format!(
            "The worker of this task died; it is begun again (attempt {})",
            row.attempts
        ));
    }
    task.log(&format!("begun: {}", row.description));
    jobs::run(engine, task, work).await
}

async fn finish(engine: &Engine, worker: &Worker, row: &tasks::Task, state: &str, result: &str) {
    let id = row.id;
    // Without its end in the database the task would be done again: so it is tried for a while.
    for _ in 0..30 {
        match tasks::finish(engine.store.pool(), id, &worker.owner, state, result).await {
            Ok(true) => {
                if let Err(error) = locks::release_all(engine.store.pool(), id).await {
                    // They expire.
                    let reason = warren_lib_errchain::chain(&error);
                    log::line(
                        Level::Warn,
                        "locks_not_released",
                        &[("error", json!(reason))],
                    );
                }
                return discard(row);
            }
            // It is somebody else's now, who still needs what was uploaded for it.
            Ok(false) => return,
            Err(error) => {
                let reason = warren_lib_errchain::chain(&error);
                log::line(Level::Warn, "finish_failed", &[("error", json!(reason))]);
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Removes the file that was uploaded for a task, when its end is in the database.
fn discard(row: &tasks::Task) {
    let Ok(Work::UpdateRelease(upload) | Work::UpdateStemcell(upload)) = row.work() else {
        return;
    };
    if let Source::Path(path) = upload.source
        && let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        // It goes when the next process starts.
        let fields = [("path", json!(path)), ("error", json!(error.to_string()))];
        log::line(Level::Warn, "upload_not_removed", &fields);
    }
}
