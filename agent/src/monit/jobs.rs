//! The supervisor's files: one for each job, and more for jobs that bring more.

use super::{Monit, MonitError};
use crate::files::{self, failed};
use crate::install::plan::monitrc_name;
use crate::owner::Owner;
use warren_wire_agent::spec::ApplySpec;

impl Monit {
    /// Removes the files of all jobs.
    ///
    /// # Errors
    /// [`MonitError::File`].
    pub fn remove_jobs(&self) -> Result<(), MonitError> {
        let directory = self.paths.monit_jobs();
        for name in files::names(&directory)? {
            files::remove(&directory.join(name))?;
        }
        Ok(())
    }

    /// Writes the files of a spec's jobs; tells whether anything changed.
    ///
    /// # Errors
    /// [`MonitError`].
    pub fn write_jobs(&self, spec: &ApplySpec) -> Result<bool, MonitError> {
        let directory = self.paths.monit_jobs();
        files::directory(&directory, 0o755, Owner::ROOT)?;
        let (jobs, mut wanted, mut changed) = (spec.jobs(), Vec::new(), false);
        for (at, job) in jobs.iter().enumerate() {
            let name = files::checked_name("job", &job.name)?;
            let home = self.paths.jobs().join(name);
            for file in files::names(&home)? {
                let label = match file.strip_suffix(".monit") {
                    Some(label) => Some(label),
                    None if file == "monit" => None,
                    None => continue,
                };
                let from = home.join(&file);
                let content = std::fs::read(&from).map_err(failed("read", &from))?;
                let name = monitrc_name(jobs.len(), at, name, label);
                let to = directory.join(&name);
                wanted.push(name);
                if files::read_if_there(&to)?.as_deref() != Some(&content) {
                    files::write(&to, &content, 0o600, Owner::ROOT)?;
                    changed = true;
                }
            }
        }
        for name in files::names(&directory)? {
            if !wanted.contains(&name) {
                files::remove(&directory.join(name))?;
                changed = true;
            }
        }
        Ok(changed)
    }
}
