//! `bpm start`: the process runs when this returns, and its pid file says so.

use super::Bpm;
use super::launch::{How, Launched};
use crate::Error;
use crate::lock::lock;
use crate::root::Name;
use crate::state::{self, Status};

impl Bpm {
    /// Starts a process; one that is running is left alone.
    ///
    /// To be called in a process with one thread.
    ///
    /// # Errors
    /// [`Error`]; then nothing of it is left.
    pub fn start(&self, name: &Name) -> Result<(), Error> {
        let user = self.user()?;
        let _held = lock(&self.root.process_lock(name)).map_err(Error::Prepare)?;
        // Before a log is made: a job that is not there gets none.
        let process = self.wanted(name)?;
        let mut log = self.log(name, "start", user)?;
        log.info("starting");
        let known = state::load(&self.root, name).map_err(Error::Start)?;
        if known.status() == Status::Running {
            log.info("already-running");
            return Ok(());
        }
        self.clean(name, &known, &mut log).map_err(Error::Stale)?;
        match self.launch(name, &process, user, How::Start, &mut log) {
            Ok(Launched { .. }) => {
                log.info("complete");
                Ok(())
            }
            Err(step) => {
                log.error("failed", &step);
                Err(Error::Start(step))
            }
        }
    }
}
