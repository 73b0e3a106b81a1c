//! The end of an instance's jobs: what they are told before, and what is kept of their disks.

use std::time::Duration;

use serde_json::{Map, Value, json};
use warren_director_bus::Agent;
use warren_director_plan::changes::Change;
use warren_director_plan::{State, spec};
use warren_director_store::instances;

use super::Update;
use crate::event_log::Step;
use crate::jobs::{snapshots, targets};
use crate::{Error, Task};

impl Update<'_> {
    /// Runs what comes before the end of jobs, and ends them. `archive` is where the templates of what comes
    /// are, if the agent was told; else those are named that it has.
    pub(super) async fn stop(
        &self,
        step: &Step,
        row: &instances::Instance,
        agent: &Agent,
        renews: bool,
        archive: Option<(String, String)>,
    ) -> Result<(), Error> {
        // A machine that was just made has no jobs: stock goes through all of it, some five seconds.
        if !self.responds || self.is_new || self.are_stopped(row, agent).await? {
            return Ok(());
        }
        let keeps = |keeps: bool| if keeps { "keep" } else { "delete" };
        let vm_stays = !renews && self.plan.state != State::Detached;
        if self.skip_drain {
            step.advance(10, "skipped pre-stop & drain");
        } else {
            step.advance(5, "executing pre-stop");
            let mut options = Map::new();
            options.insert(
                "env".into(),
                json!({
                    "BOSH_VM_NEXT_STATE": keeps(vm_stays),
                    "BOSH_INSTANCE_NEXT_STATE": "keep",
                    "BOSH_DEPLOYMENT_NEXT_STATE": "keep",
                }),
            );
            agent.run_script("pre-stop", options, self.task).await?;
            step.advance(5, "executing drain");
            let ends = !vm_stays
                || self.plan.state == State::Stopped
                || self.changes.contains(&Change::PersistentDisk)
                || self.changes.contains(&Change::RecreatePersistentDisks);
            let mut hashes = self.files.hashes.clone();
            hashes.archive = archive.or_else(|| archive_of(row));
            let document = spec::apply(
                self.input,
                self.group,
                self.plan,
                &spec::networks(self.plan),
                self.packages,
                &hashes,
            );
            let kind = if ends { "shutdown" } else { "update" };
            drain(self.task, agent, kind, document).await?;
        }
        step.advance(20, "stopping jobs");
        agent.stop(self.task).await?;
        step.advance(10, "executing post-stop");
        agent.run_script("post-stop", Map::new(), self.task).await?;
        Ok(())
    }

    /// Whether there are no jobs to end. A row that says so is right but where an update of the instance broke off,
    /// which may have started them before it was cut off: there the agent is asked.
    async fn are_stopped(&self, row: &instances::Instance, agent: &Agent) -> Result<bool, Error> {
        if row.state != State::Stopped.word() {
            return Ok(false);
        }
        if !self.changes.contains(&Change::Dirty) {
            return Ok(true);
        }
        let state = agent.get_state(false, None).await?;
        Ok(state.get("job_state").and_then(Value::as_str) == Some("stopped"))
    }

    /// Keeps what the disks hold while nothing writes to them.
    pub(super) async fn snapshot(&self, row: &instances::Instance) -> Result<(), Error> {
        if self.is_new || !self.engine.config.snapshots {
            return Ok(());
        }
        let name = &self.input.deployment.name;
        let deployment = targets::deployment(self.engine, name).await?;
        match snapshots::take(self.engine, self.task, &deployment, row, true).await {
            // Nobody has asked for this one: without it the jobs go on all the same.
            Err(Error::Cpi(error)) if error.is_unsupported() => {
                self.task.warn(&format!(
                    "No snapshot of {}: {}",
                    row.name(),
                    warren_lib_errchain::chain(&error)
                ));
                Ok(())
            }
            done => done.map(drop),
        }
    }
}

/// Where the rendered templates of an instance were when it was last updated, and their SHA-1.
fn archive_of(row: &instances::Instance) -> Option<(String, String)> {
    let spec: Value = serde_json::from_str(row.spec.as_deref()?).ok()?;
    let archive = spec.get("rendered_templates_archive")?;
    let text = |key: &str| archive.get(key)?.as_str().map(ToOwned::to_owned);
    Some((text("blobstore_id")?, text("sha1")?))
}

/// Tells jobs that they end, and waits for as long as they ask for; `document` is the apply spec of what
/// comes.
///
/// # Errors
/// What the agent says, as when a drain script fails; [`Error::Cancelled`], also while it is waited.
pub async fn drain(task: &Task, agent: &Agent, kind: &str, document: Value) -> Result<(), Error> {
    let mut arguments = vec![json!(kind), document];
    loop {
        let answer = agent.run("drain", arguments, task).await?;
        let wait = answer.as_i64().unwrap_or(0);
        task.sleep(Duration::from_secs(wait.unsigned_abs())).await?;
        if wait >= 0 {
            return Ok(());
        }
        arguments = vec![json!("status")];
    }
}
