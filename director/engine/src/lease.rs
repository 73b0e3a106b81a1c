//! A task's lease, kept while its job goes on.
//!
//! ```text
//!        ┌──────────── renewed, each second ───────────┐
//! held ──┤                                             ├──► held
//!        └─ not renewed for long ─► still ─ renewed ───┘
//!                                     └─ somebody else's, or a minute is over ─► lost
//! ```
//!
//! Somebody else may take the task when its lease is over. So a job takes no step when that may be near:
//! the database did not answer for a while, or the process did not run. It goes on when the lease is
//! renewed after all, and ends where it is when the task is somebody else's.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use warren_director_store::{Store, tasks};

/// How often it is renewed; a wish to cancel the task is seen as quickly.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Between two tries while a job is held still.
const AGAIN: Duration = Duration::from_millis(250);
/// For how long a job is held still. What it holds itself is free after that.
const STILL: Duration = Duration::from_secs(60);

/// A lease on a task.
pub(crate) struct Lease<'a> {
    /// The database.
    pub(crate) store: &'a Store,
    /// The task.
    pub(crate) id: i64,
    /// Who has it.
    pub(crate) owner: &'a str,
    /// How long it lasts.
    pub(crate) life: Duration,
    /// Not later than it was given.
    pub(crate) since: Instant,
}

impl Lease<'_> {
    /// Until when nobody else can have the task that was surely ours at a time.
    fn after(&self, sure: Instant) -> Instant {
        sure + self.life.mul_f32(0.8)
    }

    /// Lets a job go on for as long as the task is this worker's; `None` if it is not any more.
    /// `cancel` is called when the task shall end.
    pub(crate) async fn keep<T>(
        &self,
        cancel: impl Fn(),
        job: impl Future<Output = T>,
    ) -> Option<T> {
        let mut job = std::pin::pin!(job);
        let mut ticks = interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = self.after(self.since);
        loop {
            tokio::select! {
                // In this order: after a pause of the whole process the job must not come first.
                biased;
                () = sleep_until(end) => end = self.regain().await?,
                outcome = until(end, job.as_mut()) => return Some(outcome),
                _ = ticks.tick() => {
                    let asked = Instant::now();
                    // The job goes on meanwhile: it may have the transaction that this waits for.
                    let renewed = tokio::select! {
                        biased;
                        () = sleep_until(end) => continue,
                        outcome = until(end, job.as_mut()) => return Some(outcome),
                        renewed = tasks::renew(self.store, self.id, self.owner) => renewed,
                    };
                    match renewed {
                        Ok(Some(state)) => {
                            end = self.after(asked);
                            if state == "cancelling" {
                                cancel();
                            }
                        }
                        Ok(None) => return None,
                        // It is tried again while there is time.
                        Err(_) => {}
                    }
                }
            }
        }
    }

    /// Renews a lease that may be over; the answer is until when it is sure, `None` if it is lost.
    async fn regain(&self) -> Option<Instant> {
        let give_up = Instant::now() + STILL;
        loop {
            let asked = Instant::now();
            let renewed = tokio::select! {
                renewed = tasks::renew(self.store, self.id, self.owner) => renewed,
                () = sleep_until(give_up) => return None,
            };
            match renewed {
                // An answer that took so long is as good as none.
                Ok(Some(_)) if self.after(asked) > Instant::now() => {
                    return Some(self.after(asked));
                }
                Ok(None) => return None,
                _ if Instant::now() >= give_up => return None,
                _ => sleep(AGAIN).await,
            }
        }
    }
}

/// Lets a job take steps before a time only. The clock is asked before each: after a pause what the job waited
/// for may be told sooner than that time is over, by a timer that was not looked at yet.
async fn until<T>(end: Instant, mut job: Pin<&mut impl Future<Output = T>>) -> T {
    poll_fn(|context| match Instant::now() < end {
        true => job.as_mut().poll(context),
        // Whoever calls this waits for the time as well, and is woken by it.
        false => Poll::Pending,
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use warren_director_store::work::{Scheduled, Work};

    use super::*;

    struct Scene {
        store: Store,
        id: i64,
        steps: AtomicU32,
        directory: tempfile::TempDir,
    }

    impl Scene {
        async fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", directory.path().join("db").display());
            let store = Store::open(&url).await.unwrap();
            let work = Work::Scheduled(Scheduled::DnsTombstones);
            let new = tasks::New {
                work: &work,
                description: "a test",
                username: "admin",
                deployment: None,
                teams: "[]",
                context_id: "",
                request_id: "",
            };
            let id = tasks::enqueue(store.pool(), &new).await.unwrap();
            tasks::claim(&store, "normal", "me/1")
                .await
                .unwrap()
                .unwrap();
            Self {
                store,
                id,
                steps: AtomicU32::new(0),
                directory,
            }
        }

        fn steps(&self) -> u32 {
            self.steps.load(Ordering::SeqCst)
        }

        /// A job of so many steps of 20 ms.
        async fn job(&self, steps: u32) {
            while self.steps.fetch_add(1, Ordering::SeqCst) < steps {
                sleep(Duration::from_millis(20)).await;
            }
        }

        fn lease(&self) -> Lease<'_> {
            Lease {
                store: &self.store,
                id: self.id,
                owner: "me/1",
                life: Duration::from_secs(2),
                since: Instant::now(),
            }
        }

        async fn keep(&self, steps: u32) -> Option<()> {
            self.lease().keep(|| {}, self.job(steps)).await
        }

        /// Gives the task to another worker, in a thread that does not need this one.
        fn steal(&self) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let url = format!("sqlite:{}", self.directory.path().join("db").display());
            runtime.unwrap().block_on(async {
                let store = Store::open(&url).await.unwrap();
                tasks::abandon(store.pool(), "me").await.unwrap();
                let taken = tasks::claim(&store, "normal", "another/1").await;
                assert!(taken.unwrap().is_some());
            });
        }
    }

    #[tokio::test]
    async fn a_job_ends_when_its_task_is_somebody_elses() {
        let it = Scene::new().await;
        let steal = async {
            sleep(Duration::from_millis(100)).await;
            tasks::abandon(it.store.pool(), "me").await.unwrap();
            let taken = tasks::claim(&it.store, "normal", "another/1").await;
            assert!(taken.unwrap().is_some());
        };
        let (kept, ()) = tokio::join!(it.keep(u32::MAX), steal);
        assert_eq!(kept, None);
    }

    #[tokio::test]
    async fn a_process_that_wakes_takes_no_step_of_a_task_that_it_lost() {
        let it = Arc::new(Scene::new().await);
        let scene = Arc::clone(&it);
        // A task of the runtime, which is polled again and again before the runtime looks at any timer: the one
        // that a test runs in is not.
        let kept = tokio::spawn(async move {
            let mut stopped = false;
            let job = poll_fn(|context| {
                // What it waits for is there already when it wakes.
                context.waker().wake_by_ref();
                if std::mem::replace(&mut stopped, true) {
                    scene.steps.fetch_add(1, Ordering::SeqCst);
                } else {
                    // The whole process stands still, and somebody else takes its task.
                    std::thread::scope(|threads| threads.spawn(|| scene.steal()).join()).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
                Poll::<()>::Pending
            });
            let lease = Lease {
                life: Duration::from_millis(100),
                ..scene.lease()
            };
            lease.keep(|| {}, job).await
        });
        assert_eq!(kept.await.unwrap(), None);
        assert_eq!(it.steps(), 0);
    }

    #[tokio::test]
    async fn a_job_stands_still_while_its_lease_is_not_sure() {
        let it = Scene::new().await;
        let away = async {
            // Nobody else can write while this is open.
            let transaction = it.store.begin().await.unwrap();
            let mut before = it.steps();
            // Until it stands still, which it does before its lease is over.
            loop {
                sleep(Duration::from_millis(500)).await;
                if it.steps() == before {
                    break;
                }
                before = it.steps();
            }
            assert!(before < 200, "{before}");
            drop(transaction);
        };
        let (kept, ()) = tokio::join!(it.keep(200), away);
        assert_eq!((kept, it.steps()), (Some(()), 201));
    }
}
