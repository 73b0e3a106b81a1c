//! Locks that a task holds: renewed while it works, given back when it ends.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use warren_director_store::{Error as StoreError, locks};

use crate::task::Event;
use crate::{Error, Task};

/// How long a lock is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long another task with a release is waited for: it may be an upload.
pub const RELEASE_PATIENCE: Duration = Duration::from_secs(300);
/// Between two tries to take a lock.
const AGAIN: Duration = Duration::from_millis(100);
/// How often a lock is renewed.
const RENEWAL: Duration = Duration::from_secs(15);

/// Does `work` while the task holds the lock called `name`.
///
/// # Errors
/// [`Error::Store`] if somebody else has it, [`Error::Cancelled`] while it is waited for, or what the work said.
/// A lock that is lost ends the work.
pub async fn with<T>(
    task: &Task,
    name: &str,
    patience: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let begun = Instant::now();
    let uid = acquire(task, name, patience).await?;
    task.log(&format!(
        "has {name} after {} ms",
        begun.elapsed().as_millis()
    ));
    record(task, "acquire", name).await?;
    let mut ticks = interval(RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = ticks.tick() => {
                // The work goes on meanwhile: it may have the transaction that this waits for.
                let renewed = tokio::select! {
                    done = &mut work => break done,
                    renewed = locks::renew(task.store().pool(), name, &uid) => renewed,
                };
                match renewed {
                Ok(true) => {}
                Ok(false) => {
                    record(task, "lost", name).await?;
                    break Err(Error::refused(100, format!("Lost lock {name}")));
                }
                // The database may be away for a moment; the lock lives longer than that.
                Err(error) => task.log(&format!(
                    "cannot renew {name}: {}",
                    warren_lib_errchain::chain(&error)
                )),
                }
            },
        }
    };
    locks::release(task.store().pool(), name, &uid).await?;
    task.log(&format!("gives {name} back"));
    record(task, "release", name).await?;
    done
}

/// Takes a lock, or waits for it until `patience` is over or the task shall end.
async fn acquire(task: &Task, name: &str, patience: Duration) -> Result<String, Error> {
    // A machine's is held for one call of the CPI, and who waits for it may be clearing away what was begun.
    if name.starts_with("lock:vm:") {
        return Ok(locks::acquire(task.store(), name, Some(task.id), patience).await?);
    }
    let end = Instant::now() + patience;
    let mut told = None;
    loop {
        // One that is free is taken in any case: who works on does what needs it, or looks by itself.
        match locks::acquire(task.store(), name, Some(task.id), Duration::ZERO).await {
            Err(StoreError::Locked {
                task: holder,
                description,
                ..
            }) if Instant::now() < end => {
                if told.as_ref() != Some(&holder) {
                    let who = match holder.as_str() {
                        "" => "somebody".to_owned(),
                        id => format!("task {id} ({description})"),
                    };
                    task.log(&format!("waits for {name}, which {who} has"));
                    told = Some(holder);
                }
            }
            done => return Ok(done?),
        }
        task.sleep(AGAIN).await?;
    }
}

/// Does `work` while the task holds all these locks, which are taken in the order of their names, so that no
/// two tasks wait for each other.
///
/// # Errors
/// As [`with`].
pub async fn with_all<'a, T: Send + 'a>(
    task: &'a Task,
    names: &'a BTreeSet<String>,
    patience: Duration,
    work: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> Result<T, Error> {
    let mut work: Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>> = Box::pin(work);
    for name in names.iter().rev() {
        work = Box::pin(with(task, name, patience, work));
    }
    work.await
}

async fn record(task: &Task, action: &str, name: &str) -> Result<(), Error> {
    // A machine or a release is no deployment's, also when a deploy has the lock.
    let mut of_deployments = ["lock:deployment:", "lock:compile:"].iter();
    task.event(Event {
        action,
        object_type: "lock",
        object_name: Some(name),
        of_no_deployment: !of_deployments.any(|kind| name.starts_with(kind)),
        ..Event::default()
    })
    .await
    .map(drop)
}
