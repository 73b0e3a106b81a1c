//! Scripts of the life cycle: `pre-start`, `post-start`, `pre-stop`, `post-stop`, `post-deploy` and
//! whatever else a director asks for.
//!
//! All jobs' scripts run at once, as root, with nice 5 and no limit in time, until they end or are told to.
//! Their output is appended to `sys/log/JOB/SCRIPT.{stdout,stderr}.log`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::Command;

use super::{PATH, of_job};
use crate::agent::Agent;
use crate::files::{self, FileError, NotAName, failed};
use crate::process::{Cancel, RunError, Sink, run};
use crate::{left, say};

const NICE: i32 = 5;
/// What is kept of a script's output, for the log.
const KEPT: usize = 2048;

/// Scripts did not all succeed.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A name.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// Some failed.
    #[error("{} of {} {script} scripts failed. Failed Jobs: {}.{}", failed.len(), failed.len() + succeeded.len(), failed.join(", "), successful(succeeded))]
    Failed {
        /// Which script.
        script: String,
        /// Of which jobs.
        failed: Vec<String>,
        /// Of which it succeeded.
        succeeded: Vec<String>,
    },
    /// Somebody wished so.
    #[error("the {0} scripts were cancelled")]
    Cancelled(String),
}

fn successful(jobs: &[String]) -> String {
    if jobs.is_empty() {
        String::new()
    } else {
        format!(" Successful Jobs: {}.", jobs.join(", "))
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("it ended with {0}")]
    Status(i32),
}

/// Runs one script of all jobs that have it. `cancel` ends all of them.
///
/// # Errors
/// [`ScriptError`], after all have ended.
pub fn run_all(
    agent: &Agent,
    script: &str,
    environment: &BTreeMap<String, String>,
    cancel: &Cancel,
) -> Result<(), ScriptError> {
    files::checked_name("script", script)?;
    // It may have waited for its turn until then.
    if cancel.is_cancelled() {
        return Err(ScriptError::Cancelled(script.to_owned()));
    }
    let spec = agent.spec.get();
    let mut programs = Vec::new();
    for job in &spec.job.templates {
        let name = files::checked_name("job", &job.name)?;
        if let Some(program) = of_job(&agent.paths, name, script) {
            programs.push((name, program));
        }
    }
    let one = |job: &str, program: &Path| one(agent, job, script, program, environment, cancel);
    let outcomes: Vec<(&str, Result<(), Failure>)> = std::thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = programs
            .iter()
            .map(|(job, program)| (*job, scope.spawn(move || one(job, program))))
            .collect();
        let ended = running
            .into_iter()
            .map(|(job, thread)| (job, thread.join().unwrap_or(Err(Failure::Status(-1)))));
        ended.collect()
    });
    let (mut failed, mut succeeded) = (Vec::new(), Vec::new());
    for (job, outcome) in outcomes {
        match outcome {
            Ok(()) => succeeded.push(job.to_owned()),
            Err(failure) => {
                let why = warren_lib_errchain::chain(&failure);
                say!("script", "{script} of job {job}: {why}");
                failed.push(job.to_owned());
            }
        }
    }
    if cancel.is_cancelled() {
        return Err(ScriptError::Cancelled(script.to_owned()));
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(ScriptError::Failed {
        script: script.to_owned(),
        failed,
        succeeded,
    })
}

fn one(
    agent: &Agent,
    job: &str,
    script: &str,
    program: &Path,
    environment: &BTreeMap<String, String>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let logs = agent.paths.logs().join(job);
    if !logs.is_dir() {
        files::directory(&logs, 0o770, agent.vcap())?;
    }
    let sink = |stream: &str| -> Result<Sink, FileError> {
        let log = append(&logs.join(format!("{script}.{stream}.log")))?;
        Ok(Sink {
            keep: KEPT,
            log: Some(log),
        })
    };
    let mut command = Command::new(program);
    command.env("PATH", PATH).envs(environment);
    let _begun = left::begin(agent, left::Kind::Job, &mut command);
    let (stdout, stderr) = (sink("stdout")?, sink("stderr")?);
    match run(&mut command, stdout, stderr, NICE, cancel)?.code {
        0 => Ok(()),
        code => Err(Failure::Status(code)),
    }
}

/// Opens a log for what is to come.
///
/// # Errors
/// [`FileError`].
pub fn append(path: &Path) -> Result<File, FileError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(failed("open", path))
}
