//! Workers: they claim tasks, keep their leases and write their ends.

use std::future::Future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use warren_director_store::{tasks, uuid};

use crate::{Engine, Error, Task, jobs};

/// How often an idle worker looks for work.
const LOOK: Duration = Duration::from_millis(50);

/// A worker of one queue.
#[derive(Debug, Clone)]
pub struct Worker {
    /// `normal` or `urgent`.
    pub queue: &'static str,
    /// Who it is; unique.
    pub owner: String,
}

impl Worker {
    /// A worker with a name of its own, in a process of that name.
    #[must_use]
    pub fn new(queue: &'static str, process: &str) -> Self {
        Self {
            queue,
            owner: format!("{process}/{}", uuid::new()),
        }
    }
}

/// Works until `stop` is ready; a task that is going on then is let go, for another worker to take.
pub async fn run(engine: Engine, worker: Worker, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let claimed = tasks::claim(engine.store.pool(), worker.queue, &worker.owner).await;
        match claimed {
            Ok(Some(row)) => {
                tokio::select! {
                    () = &mut stop => return,
                    () = work(&engine, &worker, row) => {}
                }
            }
            Ok(None) => {
                tokio::select! {
                    () = &mut stop => return,
                    () = sleep(LOOK) => {}
                }
            }
            Err(error) => {
                eprintln!("worker: {}", warren_lib_errchain::chain(&error));
                tokio::select! {
                    () = &mut stop => return,
                    () = sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }
}

/// Does one task and writes its end.
async fn work(engine: &Engine, worker: &Worker, row: tasks::Task) {
    let output = match engine.outputs.writer(row.id) {
        Ok(output) => output,
        Err(error) => {
            let story = warren_lib_errchain::chain(&error);
            finish(engine, worker, row.id, "error", &story).await;
            return;
        }
    };
    let task = Task::new(&row, engine.store.clone(), output);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = 0;
    let outcome = {
        let mut job = std::pin::pin!(attempt(engine, &task, &row));
        loop {
            tokio::select! {
                outcome = &mut job => break outcome,
                _ = ticks.tick() => {
                    // The state is looked at each second so that cancelling is quick; the lease is
                    // renewed with it, which costs the same.
                    since += 1;
                    // The job goes on meanwhile: it may have the transaction that this waits for.
                    let renewed = tokio::select! {
                        outcome = &mut job => break outcome,
                        renewed = tasks::renew(engine.store.pool(), row.id, &worker.owner) => renewed,
                    };
                    match renewed {
                        Ok(Some(state)) => {
                            since = 0;
                            if state == "cancelling" {
                                task.cancel();
                            }
                        }
                        // Somebody else has it.
                        Ok(None) => return,
                        Err(_) if since < tasks::LEASE => {}
                        Err(_) => return,
                    }
                }
            }
        }
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
    finish(engine, worker, row.id, state, &result).await;
}

async fn attempt(engine: &Engine, task: &Task, row: &tasks::Task) -> Result<String, Error> {
    task.check()?;
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
    let work = row.work()?;
    task.log(&format!("begun: {}", row.description));
    jobs::run(engine, task, work).await
}

async fn finish(engine: &Engine, worker: &Worker, id: i64, state: &str, result: &str) {
    // Without its end in the database the task would be done again: so it is tried for a while.
    for _ in 0..30 {
        match tasks::finish(engine.store.pool(), id, &worker.owner, state, result).await {
            Ok(_) => return,
            Err(error) => eprintln!("task {id}: {}", warren_lib_errchain::chain(&error)),
        }
        sleep(Duration::from_secs(1)).await;
    }
}
