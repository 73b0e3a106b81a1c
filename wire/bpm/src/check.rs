//! What a `bpm.yml` must fulfil beyond its shape.
//!
//! All processes of a file are looked at whenever one of them is used, and the first fault is told.
//! The texts are those of the stock tool.

use std::path::Path;

use crate::config::{Config, Process, Volume};

/// Where BOSH has everything.
pub const BOSH: &str = "/var/vcap";

/// Why no process of a file may be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A process has no name.
    #[error("invalid config: name")]
    Name,
    /// A process has no program.
    #[error("invalid config: executable")]
    Executable,
    /// A path with `..`, `.` or a slash too many.
    #[error("volume path must be canonical, expected {expected} but got {got}")]
    NotCanonical {
        /// The same path, clean.
        expected: String,
        /// As it was given.
        got: String,
    },
    /// One of the directories that other keys stand for.
    #[error("invalid volume path: {0} cannot conflict with default job data or store directories")]
    Reserved(String),
    /// Somewhere else on the machine.
    #[error("invalid volume path: {0} must be within {BOSH}")]
    Outside(String),
    /// An unknown signal.
    #[error(
        "shutdown signal should either be 'TERM' or 'INT' (or left unspecified), but got '{0}'"
    )]
    Signal(String),
}

impl Config {
    /// Checks every process.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self, job: &str) -> Result<(), Invalid> {
        self.processes.iter().try_for_each(|each| each.check(job))
    }
}

impl Process {
    /// Checks this process of a job.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self, job: &str) -> Result<(), Invalid> {
        if self.name.is_empty() {
            return Err(Invalid::Name);
        }
        if self.executable.is_empty() {
            return Err(Invalid::Executable);
        }
        volumes(&self.additional_volumes, job)?;
        match self.shutdown_signal.as_str() {
            "" | "TERM" | "INT" => Ok(()),
            other => Err(Invalid::Signal(other.to_owned())),
        }
    }
}

/// Checks additional volumes of a job's process.
///
/// # Errors
/// The first fault.
pub fn volumes(volumes: &[Volume], job: &str) -> Result<(), Invalid> {
    let reserved = [format!("{BOSH}/data/{job}"), format!("{BOSH}/store/{job}")];
    for Volume { path, .. } in volumes {
        let expected = clean(path);
        if expected != *path {
            let got = path.clone();
            return Err(Invalid::NotCanonical { expected, got });
        }
        if reserved.contains(path) {
            return Err(Invalid::Reserved(path.clone()));
        }
        let below = Path::new(path).strip_prefix(BOSH);
        if !below.is_ok_and(|rest| !rest.as_os_str().is_empty()) {
            return Err(Invalid::Outside(path.clone()));
        }
    }
    Ok(())
}

/// The shortest path of the same meaning, links aside: no `.`, no empty part, `..` only in front of
/// a relative path; `.` for nothing.
#[must_use]
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
