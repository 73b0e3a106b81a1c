//! `stop`: stops all services; directors of protocol 3 want it waited for.

use super::Outcome;
use crate::agent::Agent;
use crate::heartbeat::write_health;

pub(super) fn run(agent: &Agent, protocol: i64) -> Outcome {
    if protocol >= 3 {
        agent.monit.stop_and_wait()?;
    } else {
        agent.monit.stop()?;
    }
    write_health(
        agent,
        agent.monit.job_state(agent.monit.status().ok().as_ref()),
    );
    Ok("stopped".into())
}
