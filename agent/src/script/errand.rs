//! Errands: `bin/run` of a job, once, with its output in the answer.

use std::process::Command;

use warren_wire_agent::method::values::Errand;

use super::{PATH, of_job};
use crate::agent::Agent;
use crate::files::{self, NotAName};
use crate::left;
use crate::process::{Cancel, Kept, RunError, Sink, run};

/// What is kept of each output: an answer of both has to fit into one message, also after escapes.
const KEPT: usize = 160 * 1024;

/// An errand could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    /// A name.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// No job.
    #[error("the instance has no job to run as an errand")]
    NoJob,
    /// No program.
    #[error("the job {0} has no bin/run")]
    NoProgram(String),
    /// Somebody wished so.
    #[error("the errand {0} was cancelled before it began")]
    Cancelled(String),
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Runs an errand; without a name that of the instance group's first job.
///
/// # Errors
/// [`ErrandError`]; an exit status other than 0 is none.
pub fn run_one(agent: &Agent, job: Option<&str>, cancel: &Cancel) -> Result<Errand, ErrandError> {
    let spec = agent.spec.get();
    let job = job
        .filter(|job| !job.is_empty())
        .unwrap_or(&spec.job.template);
    if job.is_empty() {
        return Err(ErrandError::NoJob);
    }
    let job = files::checked_name("job", job)?;
    let program = of_job(&agent.paths, job, "run");
    let program = program.ok_or_else(|| ErrandError::NoProgram(job.to_owned()))?;
    // It may have waited for its turn until then.
    if cancel.is_cancelled() {
        return Err(ErrandError::Cancelled(job.to_owned()));
    }
    let mut command = Command::new(program);
    command.env("PATH", PATH);
    let _begun = left::begin(agent, left::Kind::Job, &mut command);
    let outcome = run(&mut command, Sink::tail(KEPT), Sink::tail(KEPT), 0, cancel)?;
    Ok(Errand {
        stdout: text(&outcome.stdout),
        stderr: text(&outcome.stderr),
        exit_code: outcome.code.into(),
    })
}

fn text(kept: &Kept) -> String {
    let text = kept.text();
    if kept.is_cut {
        format!("...[truncated]...{text}")
    } else {
        text
    }
}
