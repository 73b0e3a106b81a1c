//! `get_state`: what was applied, and how it runs.

use warren_wire_agent::state::{AgentState, Vm};

use super::Outcome;
use crate::agent::Agent;
use crate::monit::Monit;

pub(super) fn run(agent: &Agent, full: bool) -> Outcome {
    let settings = agent.settings.settings();
    let status = agent.monit.status().ok();
    let state = AgentState {
        spec: agent.spec.get(),
        agent_id: settings.agent_id,
        job_state: agent.monit.job_state(status.as_ref()),
        processes: Monit::processes(status.as_ref()),
        vitals: full.then(|| agent.vitals.vitals()),
        vm: Vm {
            name: settings.vm.name,
        },
    };
    Ok(state.to_value()?)
}
