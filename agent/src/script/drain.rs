//! Drain scripts: a job is asked to finish what it is at.
//!
//! ```text
//! drain ARGUMENTS ──► n >= 0: sleep n, done
//!        ▲        └─► n < 0:  sleep |n|, and again with job_check_status
//!        └────────────────────┘
//! ```
//!
//! | argument | update | shutdown | again |
//! |---|---|---|---|
//! | 1 | `job_changed`, `job_unchanged`, `job_new` | `job_shutdown` | `job_check_status` |
//! | 2 | `hash_changed`, `hash_unchanged`, `hash_new` | `hash_unchanged` | `hash_unchanged` |
//! | 3... | packages that change, sorted | | |
//!
//! An exit status other than 0 counts only where the output is no number.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use warren_wire_agent::spec::ApplySpec;

use super::{PATH, of_job};
use crate::agent::Agent;
use crate::files::{self, NotAName};
use crate::left;
use crate::process::{Cancel, RunError, Sink, run};

/// What is read of a script's output.
const KEPT: usize = 64 * 1024;

/// A job could not be drained.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// A name.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// It could not be run.
    #[error("the drain script of job {job} failed")]
    Run {
        /// Of which job.
        job: String,
        /// Why.
        source: RunError,
    },
    /// It said something else.
    #[error("the drain script of job {job} ended with {code} and said no number: {output:?}")]
    Output {
        /// Of which job.
        job: String,
        /// Its exit status.
        code: i32,
        /// What it said.
        output: String,
    },
    /// It was cancelled.
    #[error("the drain was cancelled")]
    Cancelled,
}

/// What scripts are told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    /// What becomes of the job.
    pub job: &'static str,
    /// What becomes of its configuration.
    pub hash: &'static str,
    /// Packages that change.
    pub packages: Vec<String>,
    /// The state now, as JSON.
    pub state: String,
    /// The state to come, as JSON; none at an end.
    pub next_state: Option<String>,
}

impl Parameters {
    /// For an end of the jobs.
    #[must_use]
    pub fn shutdown(old: &ApplySpec, new: Option<&ApplySpec>) -> Self {
        Self {
            job: "job_shutdown",
            hash: "hash_unchanged",
            packages: Vec::new(),
            state: state(old),
            next_state: new.map(state),
        }
    }

    /// For a change of the jobs.
    #[must_use]
    pub fn update(old: &ApplySpec, new: &ApplySpec) -> Self {
        let job = match () {
            () if old.job.templates.is_empty() => "job_new",
            () if old.job == new.job => "job_unchanged",
            () => "job_changed",
        };
        let hash = match () {
            () if old.configuration_hash.is_empty() => "hash_new",
            () if old.configuration_hash == new.configuration_hash => "hash_unchanged",
            () => "hash_changed",
        };
        let is_other = |name: &&String| {
            let (before, after) = (&new.packages.get(*name), old.packages.get(*name));
            before.map(|package| &package.sha1) != after.map(|package| &package.sha1)
        };
        Self {
            job,
            hash,
            packages: new.packages.keys().filter(is_other).cloned().collect(),
            state: state(old),
            next_state: Some(state(new)),
        }
    }

    fn again(&self) -> Self {
        Self {
            job: "job_check_status",
            hash: "hash_unchanged",
            packages: Vec::new(),
            ..self.clone()
        }
    }
}

fn state(spec: &ApplySpec) -> String {
    json!({"persistent_disk": spec.persistent_disk}).to_string()
}

/// Drains all jobs at once.
///
/// # Errors
/// The first [`DrainError`], after all have ended.
pub fn run_all(agent: &Agent, parameters: &Parameters, cancel: &Cancel) -> Result<(), DrainError> {
    let spec = agent.spec.get();
    let mut programs = Vec::new();
    for job in &spec.job.templates {
        let name = files::checked_name("job", &job.name)?;
        if let Some(program) = of_job(&agent.paths, name, "drain") {
            programs.push((name, program));
        }
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = programs
            .iter()
            .map(|(job, program)| scope.spawn(move || one(agent, job, program, parameters, cancel)))
            .collect();
        let mut outcome = Ok(());
        for thread in running {
            outcome = outcome.and(thread.join().unwrap_or(Err(DrainError::Cancelled)));
        }
        outcome
    })
}

fn one(
    agent: &Agent,
    job: &str,
    program: &Path,
    first: &Parameters,
    cancel: &Cancel,
) -> Result<(), DrainError> {
    let mut parameters = first.clone();
    loop {
        let mut command = Command::new(program);
        command
            .args([parameters.job, parameters.hash])
            .args(&parameters.packages)
            .env("PATH", PATH)
            .env("BOSH_JOB_STATE", &parameters.state);
        if let Some(next) = &parameters.next_state {
            command.env("BOSH_JOB_NEXT_STATE", next);
        }
        let begun = left::begin(agent, left::Kind::Job, &mut command);
        let outcome = run(&mut command, Sink::tail(KEPT), Sink::tail(KEPT), 0, cancel);
        drop(begun);
        let outcome = outcome.map_err(|source| DrainError::Run {
            job: job.to_owned(),
            source,
        })?;
        if cancel.is_cancelled() {
            return Err(DrainError::Cancelled);
        }
        let output = outcome.stdout.text();
        let Ok(seconds) = output.trim().parse::<i64>() else {
            let (job, code) = (job.to_owned(), outcome.code);
            let output = output.trim().chars().take(200).collect();
            return Err(DrainError::Output { job, code, output });
        };
        if !cancel.sleep(Duration::from_secs(seconds.unsigned_abs())) {
            return Err(DrainError::Cancelled);
        }
        if seconds >= 0 {
            return Ok(());
        }
        parameters = parameters.again();
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;
    use serde_json::json;
    use warren_wire_agent::spec::ApplySpec;

    fn spec(value: serde_json::Value) -> ApplySpec {
        ApplySpec::from_value(value).unwrap()
    }

    #[test]
    fn what_scripts_are_told() {
        let old = spec(json!({"persistent_disk": 10, "configuration_hash": "a",
            "job": {"templates": [{"name": "j", "version": "1"}]},
            "packages": {"p": {"sha1": "1"}, "q": {"sha1": "1"}}}));
        let new = spec(json!({"configuration_hash": "b",
            "job": {"templates": [{"name": "j", "version": "2"}]},
            "packages": {"p": {"sha1": "1"}, "q": {"sha1": "2"}, "r": {"sha1": "1"}}}));
        let update = Parameters::update(&old, &new);
        assert_eq!((update.job, update.hash), ("job_changed", "hash_changed"));
        assert_eq!(update.packages, ["q", "r"]);
        assert_eq!(update.state, r#"{"persistent_disk":10}"#);
        let fresh = Parameters::update(&ApplySpec::default(), &new);
        assert_eq!((fresh.job, fresh.hash), ("job_new", "hash_new"));
        let same = Parameters::update(&old, &old);
        assert_eq!(
            (same.job, same.hash, same.packages.len()),
            ("job_unchanged", "hash_unchanged", 0)
        );
        let end = Parameters::shutdown(&old, None);
        assert_eq!((end.job, end.next_state), ("job_shutdown", None));
    }
}
