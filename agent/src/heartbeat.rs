//! Heartbeats, and `health.json`.

use std::sync::Arc;
use std::time::Duration;

use warren_wire_agent::heartbeat::{Health, Heartbeat, INTERVAL_SECONDS};
use warren_wire_agent::subject;

use crate::agent::Agent;
use crate::files::{self, FileError, Lasting};
use crate::monit::Monit;
use crate::owner::Owner;
use crate::process::Cancel;
use crate::say;
use warren_wire_agent::state::JobState;

/// Sends one now and every thirty seconds, until it is cancelled.
pub fn run(agent: &Arc<Agent>, cancel: &Cancel) {
    loop {
        send(agent);
        if !cancel.sleep(Duration::from_secs(INTERVAL_SECONDS)) {
            return;
        }
    }
}

/// Sends one.
pub fn send(agent: &Agent) {
    let heartbeat = heartbeat(agent);
    write_health(agent, heartbeat.job_state);
    let Some(uplink) = agent.uplink() else { return };
    let payload = match warren_wire_agent::encode_bare(&heartbeat) {
        Ok(payload) => payload,
        Err(error) => return say!("heartbeat", "{}", warren_lib_errchain::chain(&error)),
    };
    let subject = subject::heartbeat(&agent.settings.agent_id());
    if let Err(error) = uplink.publish(&subject, &payload) {
        say!("heartbeat", "{}", warren_lib_errchain::chain(&error));
    }
}

/// What is to be told now.
#[must_use]
pub fn heartbeat(agent: &Agent) -> Heartbeat {
    let spec = agent.spec.get();
    let status = agent.monit.status().ok();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let processes = status
        .as_ref()
        .map(|status| Monit::processes(Some(status)).len());
    Heartbeat {
        deployment: spec.deployment,
        job: some(&spec.name).or_else(|| some(&spec.job.name)),
        index: spec.index,
        job_state: agent.monit.job_state(status.as_ref()),
        vitals: agent.vitals.vitals(),
        node_id: spec.id,
        number_of_processes: processes.and_then(|count| u64::try_from(count).ok()),
    }
}

fn store_health(agent: &Agent, state: JobState) -> Result<(), FileError> {
    let path = agent.paths.health();
    let text = serde_json::to_vec(&Health { state }).map_err(std::io::Error::from);
    let text = text.map_err(files::failed("write", &path))?;
    files::store(&path, &text, 0o644, Owner::ROOT, Lasting::UntilReboot)
}

/// Tells jobs of this instance how it is.
pub fn write_health(agent: &Agent, state: JobState) {
    let written = store_health(agent, state);
    if let Err(error) = written {
        say!("heartbeat", "{}", warren_lib_errchain::chain(&error));
    }
}
