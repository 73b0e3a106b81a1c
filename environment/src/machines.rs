//! The machines of all deployments, as their agents tell.

use std::time::{Duration, Instant};

use crate::Error;
use warren_director_client::Director;
use warren_director_client::follow::next_wait;
use warren_director_client::instances::{Instance, Kind, parse_lines};

/// How long the director may take: agents that do not answer cost it 5 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// A machine that some deployment should have.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Whose it is.
    pub deployment: String,
    /// What the agent tells.
    pub about: Instance,
}

impl Machine {
    /// `GROUP/INDEX`, which people type.
    pub(crate) fn name(&self) -> String {
        let group = self.about.job_name.as_deref().unwrap_or("?");
        match self.about.index {
            Some(index) => format!("{group}/{index}"),
            None => self.about.name(),
        }
    }

    /// The same with the deployment, which no other machine is called.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.deployment, self.name())
    }

    /// Whether its jobs do what they should.
    pub(crate) fn is_good(&self) -> bool {
        let wanted = self.about.state.as_deref().unwrap_or("started");
        wanted != "started" || self.about.job_state.as_deref() == Some("running")
    }
}

/// Asks all agents.
pub(crate) fn all(director: &Director) -> Result<Vec<Machine>, Error> {
    let failed = || Error::director("ask for machines");
    let mut machines = Vec::new();
    for deployment in director.deployments(false).map_err(failed())? {
        machines.extend(of(director, &deployment.name)?);
    }
    Ok(machines)
}

/// Asks those of a deployment.
pub(crate) fn of(director: &Director, deployment: &str) -> Result<Vec<Machine>, Error> {
    let failed = || Error::director("ask for machines");
    let task = director
        .describe_instances(deployment, Kind::Vms)
        .map_err(failed())?;
    let bytes = result(director, task, deployment)?;
    let found: Vec<Instance> = parse_lines(&bytes, "machines").map_err(failed())?;
    let machines = found.into_iter().map(|about| Machine {
        deployment: deployment.to_owned(),
        about,
    });
    Ok(machines.collect())
}

/// The result of a task; whoever asks does not wait longer than for agents, also when nobody works.
fn result(director: &Director, task: u64, deployment: &str) -> Result<Vec<u8>, Error> {
    let failed = || Error::director("ask for machines");
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::ZERO;
    loop {
        let state = director.task(task).map_err(failed())?;
        if !state.is_running() {
            state.succeeded().map_err(failed())?;
            return director.task_result(task).map_err(failed());
        }
        if Instant::now() >= end {
            // Nobody wants it any more.
            director.cancel_task(task).map_err(failed())?;
            return Err(Error::Late {
                deployment: deployment.to_owned(),
                seconds: PATIENCE.as_secs(),
                state: state.state,
            });
        }
        pause = next_wait(pause, false);
        std::thread::sleep(pause);
    }
}
