//! Stopping all services and waiting until they have.
//!
//! ```text
//! nothing pending ──► stop each ──► write `stopped` ──► until none is watched or pending
//! ```
//!
//! All of it together may take five minutes.

use std::time::{Duration, Instant};

use super::status::{Service, Status};
use super::{LOOK, Monit, MonitError};
use crate::files;
use crate::owner::Owner;

/// For all steps together.
pub(super) const LIMIT: Duration = Duration::from_secs(300);

impl Monit {
    /// Asks for all services to be stopped, and does not wait.
    ///
    /// # Errors
    /// [`MonitError`].
    pub fn stop(&self) -> Result<(), MonitError> {
        self.stop_each(&self.client.status_patiently()?)?;
        Ok(files::write(
            &self.paths.stopped(),
            b"",
            0o644,
            Owner::ROOT,
        )?)
    }

    /// Stops all services and waits.
    ///
    /// # Errors
    /// [`MonitError`], with the texts that directors look for.
    pub fn stop_and_wait(&self) -> Result<(), MonitError> {
        let deadline = Instant::now() + self.stop_limit;
        let status = loop {
            let status = self.client.status_patiently()?;
            let pending = names(status.vcap_services().filter(|one| one.pending > 0));
            if pending.is_empty() {
                break status;
            }
            if Instant::now() >= deadline {
                return Err(MonitError::PendingTimeout(pending.join(", ")));
            }
            std::thread::sleep(LOOK);
        };
        self.stop_each(&status)?;
        files::write(&self.paths.stopped(), b"", 0o644, Owner::ROOT)?;
        loop {
            let status = self.client.status_patiently()?;
            // One that is still watched while nothing is to be done with it was not stopped.
            let failed = |one: &&Service| one.is_errored() && one.monitor != 0 && one.pending == 0;
            let errored = names(status.vcap_services().filter(failed));
            let busy = |one: &&Service| one.monitor != 0 || one.pending > 0;
            let busy = names(status.vcap_services().filter(busy));
            if busy.is_empty() {
                return Ok(());
            }
            if !errored.is_empty() && errored == busy {
                return Err(MonitError::StopErrored(errored.join(", ")));
            }
            if Instant::now() >= deadline {
                return Err(MonitError::StopTimeout(busy.join(", ")));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn stop_each(&self, status: &Status) -> Result<(), MonitError> {
        for name in status.vcap_names() {
            self.client.act(&name, "stop")?;
        }
        Ok(())
    }
}

fn names<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<String> {
    services.map(|service| service.name.clone()).collect()
}
