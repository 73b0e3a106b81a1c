//! Enqueues what is done from time to time.
//!
//! Of several schedulers one enqueues what is due: the time that it was last due is a value in the
//! database, and whoever raises it has the right. What was due while no scheduler ran is not made up
//! for: all of it is clearing up, and the next time clears as well.

use std::time::Duration;

use serde_json::json;
use warren_director_engine::scheduled::has_work;
use warren_director_store::work::Work;
use warren_director_store::{Store, attributes, deployments, now, tasks, uuid};
use warren_lib_telemetry::{Context, Level, context, log};

use super::{Running, Scene, until};
use crate::Error;
use crate::schedules::{Due, Schedule};

/// The longest time until the clock is looked at again, which may have been set.
const LOOK: Duration = Duration::from_secs(60);

pub(super) fn start(scene: &Scene<'_>, running: &mut Running) {
    let (store, schedules) = (scene.store.clone(), scene.options.schedules.clone());
    let ended = scene.ended.clone();
    running.spawn(async move {
        tokio::select! {
            () = until(ended) => {}
            () = keep(&store, &schedules) => {}
        }
        Ok(())
    });
}

async fn keep(store: &Store, schedules: &[Schedule]) {
    let mut seen = now();
    loop {
        let next = schedules.iter().filter_map(|one| one.cron?.after(seen));
        let pause = next.min().map_or(LOOK, |next| {
            let seconds = u64::try_from(next - now()).unwrap_or(0);
            Duration::from_secs(seconds).min(LOOK)
        });
        // Times have whole seconds: a little later it is surely that second.
        tokio::time::sleep(pause + Duration::from_millis(20)).await;
        let time = now();
        for schedule in schedules {
            let due = schedule.cron.and_then(|cron| cron.after(seen));
            if let Some(due) = due.filter(|due| *due <= time) {
                fire(store, schedule, due).await;
            }
        }
        seen = time;
    }
}

/// Enqueues what is due, once, however many schedulers there are.
async fn fire(store: &Store, schedule: &Schedule, due: i64) {
    let about = Context {
        request: uuid::new().into(),
        ..Context::default()
    };
    let work = async {
        if let Err(error) = enqueue(store, schedule, due).await {
            let reason = warren_lib_errchain::chain(&error);
            let fields = [("schedule", json!(schedule.name)), ("error", json!(reason))];
            log::line(Level::Error, "schedule_failed", &fields);
        }
    };
    context::within(about, work).await;
}

async fn enqueue(store: &Store, schedule: &Schedule, due: i64) -> Result<(), Error> {
    let pool = store.pool();
    let name = format!("schedule:{}", schedule.name);
    // Of one length, so that they are compared as numbers are.
    if !attributes::advance(pool, &name, &format!("{due:012}")).await? {
        return Ok(());
    }
    let mut wanted = Vec::new();
    match schedule.due {
        Due::Work(work) => {
            // One that still goes on does what this one would.
            if !tasks::is_open(pool, work.kind()).await? && has_work(store, work).await? {
                wanted.push((Work::Scheduled(work), work.description().to_owned(), None));
            }
        }
        Due::Snapshots => {
            for one in deployments::list(pool).await? {
                let work = Work::SnapshotDeployment {
                    deployment: one.name.clone(),
                };
                let description = "snapshot deployment".to_owned();
                wanted.push((work, description, Some((one.name, one.teams))));
            }
        }
    }
    for (work, description, deployment) in wanted {
        let new = tasks::New {
            work: &work,
            description: &description,
            username: "scheduler",
            deployment: deployment.as_ref().map(|(name, _)| name.as_str()),
            teams: deployment.as_ref().map_or("[]", |(_, teams)| teams),
            context_id: "",
            request_id: &context::current().request,
        };
        let task = tasks::enqueue(pool, &new).await?;
        store.wake().await;
        let fields = [
            ("schedule", json!(schedule.name)),
            ("due", json!(due)),
            ("task", json!(task)),
        ];
        log::line(Level::Info, "scheduled", &fields);
    }
    Ok(())
}
