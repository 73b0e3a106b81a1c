//! Jobs that were started, until they run.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use warren_director_bus::Agent;
use warren_director_store::instances;
use warren_wire_manifest::deployment::WatchTime;

use crate::{Error, Task};

/// Waits until all jobs of an instance run: not before the shorter time, not after the longer.
pub(super) async fn wait_until_running(
    task: &Task,
    row: &instances::Instance,
    agent: &Agent,
    watch: WatchTime,
) -> Result<(), Error> {
    let begun = Instant::now();
    let (least, most) = (
        Duration::from_millis(watch.min),
        Duration::from_millis(watch.max),
    );
    let mut pause = Duration::from_millis(50);
    loop {
        task.check()?;
        let state = agent.get_state(false, None).await?;
        let is_running = state.get("job_state").and_then(Value::as_str) == Some("running");
        if is_running && begun.elapsed() >= least {
            return Ok(());
        }
        let left = most.saturating_sub(begun.elapsed());
        if left.is_zero() && begun.elapsed() >= least {
            let failed: Vec<&str> = state
                .get("processes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|process| process.get("state").and_then(Value::as_str) != Some("running"))
                .filter_map(|process| process.get("name").and_then(Value::as_str))
                .collect();
            let which = if failed.is_empty() {
                String::new()
            } else {
                format!(" Review logs for failed jobs: {}", failed.join(", "))
            };
            return Err(Error::refused(
                400_007,
                format!(
                    "'{} ({})' is not running after update.{which}",
                    row.name(),
                    row.index_number
                ),
            ));
        }
        let rest = if is_running {
            least.saturating_sub(begun.elapsed())
        } else {
            pause
        };
        let shortest = Duration::from_millis(10);
        task.sleep(rest.max(shortest).min(left.max(shortest)))
            .await?;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
