//! `start`: tells the supervisor of the jobs, and has it start them; does not wait.

use super::Outcome;
use crate::agent::Agent;
use crate::heartbeat::write_health;

pub(super) fn run(agent: &Agent) -> Outcome {
    let changed = agent.monit.write_jobs(&agent.spec.get())?;
    if changed || agent.monit.status().is_err() {
        agent.monit.reload()?;
    }
    agent.monit.start()?;
    write_health(
        agent,
        agent.monit.job_state(agent.monit.status().ok().as_ref()),
    );
    Ok("started".into())
}
