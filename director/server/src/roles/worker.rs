//! Works on tasks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use warren_director_engine::{Engine, Worker};
use warren_director_store::{Store, tasks};
use warren_lib_telemetry::{Level, log};

use super::{Running, Scene, engine::engine, record_start, until};
use crate::Error;
use crate::presence::Presence;

/// How often the users of the bus are compared with the machines that there are, and processes looked
/// for that died.
const ROUND: Duration = Duration::from_secs(5);

pub(super) async fn start(scene: &Scene<'_>, running: &mut Running) -> Result<(), Error> {
    let engine = engine(scene)?;
    // What a killed one left is taken up before anything new is.
    take_up(scene.presence, scene.store).await?;
    let listening = scene.store.listen().await?;
    record_start(scene, "worker", scene.presence.name(), None).await?;
    for queue in ["normal", "urgent"] {
        for worker in Worker::crew(queue, scene.presence.name(), scene.options.workers.max(1)) {
            let (engine, ended) = (engine.clone(), scene.ended.clone());
            running.spawn(async move {
                warren_director_engine::run(engine, worker, until(ended)).await;
                Ok(())
            });
        }
    }
    let (presence, store) = (Arc::clone(scene.presence), scene.store.clone());
    let ended = scene.ended.clone();
    running.spawn(async move {
        tokio::select! {
            () = until(ended) => {}
            () = rounds(&engine, &presence, &store) => {}
        }
        drop(listening);
        Ok(())
    });
    Ok(())
}

async fn rounds(engine: &Engine, presence: &Presence, store: &Store) {
    loop {
        // Machines that there are must be able to come back after the bus was away.
        if let Err(error) = engine.write_users().await {
            warn("bus_users_not_written", &error);
        }
        if let Err(error) = take_up(presence, store).await {
            warn("dead_not_looked_for", &error);
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// Ends the leases of tasks whose process is dead.
async fn take_up(presence: &Presence, store: &Store) -> Result<(), Error> {
    for process in presence.departed()? {
        let tasks = tasks::abandon(store.pool(), &process).await?;
        presence.forget(&process)?;
        if tasks > 0 {
            let fields = [("process", json!(process)), ("tasks", json!(tasks))];
            log::line(Level::Warn, "tasks_of_dead_process", &fields);
            store.wake().await;
        }
    }
    Ok(())
}

fn warn(event: &str, error: &dyn std::error::Error) {
    let reason = warren_lib_errchain::chain(error);
    log::line(Level::Warn, event, &[("error", json!(reason))]);
}
