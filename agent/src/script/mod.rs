//! Programs that jobs bring: scripts of the life cycle, drain scripts, errands.

pub mod drain;
pub mod errand;
pub mod jobs;

use std::path::PathBuf;

use crate::paths::Paths;

/// Where programs of jobs find others.
pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A job's program, if it has it.
#[must_use]
pub fn of_job(paths: &Paths, job: &str, name: &str) -> Option<PathBuf> {
    let path = paths.jobs().join(job).join("bin").join(name);
    path.is_file().then_some(path)
}
