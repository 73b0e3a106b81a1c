//! `drain`: jobs finish what they are at; nothing is started again meanwhile.

use warren_wire_agent::method::Drain;
use warren_wire_agent::subject;

use super::Outcome;
use crate::agent::Agent;
use crate::heartbeat::write_health;
use crate::process::Cancel;
use crate::say;
use crate::script::drain::{Parameters, run_all};

pub(super) fn run(agent: &Agent, kind: &Drain, cancel: &Cancel) -> Outcome {
    let spec = agent.spec.get();
    let parameters = match kind {
        Drain::Update(new) => Parameters::update(&spec, new),
        Drain::Shutdown(new) => {
            // The health monitor is not to miss us.
            let subject = subject::shutdown(&agent.settings.agent_id());
            if let Some(uplink) = agent.uplink()
                && let Err(error) = uplink.publish(&subject, b"null")
            {
                say!("drain", "{}", warren_lib_errchain::chain(&error));
            }
            Parameters::shutdown(&spec, new.as_deref())
        }
        Drain::Status => return Err("Unexpected call with drain type 'status'".into()),
        Drain::Other(kind) => return Err(format!("Unknown drain type {kind}").into()),
    };
    agent.monit.unmonitor()?;
    write_health(
        agent,
        agent.monit.job_state(agent.monit.status().ok().as_ref()),
    );
    run_all(agent, &parameters, cancel)?;
    Ok(0.into())
}
