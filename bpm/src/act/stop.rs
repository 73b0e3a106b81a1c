//! `bpm stop`: the process, and all it started, is gone when this returns.
//!
//! ```text
//! TERM or INT ─► up to 15 s, or $WARREN_BPM_STOP_TIMEOUT ─► QUIT ─► up to 2 s ─► KILL to all in its groups
//! ```

use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};

use super::Bpm;
use crate::lock::lock;
use crate::log::Log;
use crate::process;
use crate::root::Name;
use crate::state::{self, Known, Record};
use crate::{Error, Step};

/// How long a process may take to end when it is told to dump what it does.
const TOLD: Duration = Duration::from_secs(2);

impl Bpm {
    /// Stops a process; one that is not there is no error.
    ///
    /// The configuration decides the signal; if it cannot be read, the signal that was configured when
    /// the process started is used.
    ///
    /// # Errors
    /// Something of it cannot be removed; it may be done again.
    pub fn stop(&self, name: &Name) -> Result<(), Error> {
        let _held = lock(&self.root.process_lock(name)).map_err(Error::Prepare)?;
        let known = state::load(&self.root, name).map_err(Error::Stop)?;
        if known == Known::Absent {
            return Ok(());
        }
        let mut log = self.log(name, "stop", self.user()?)?;
        log.info("starting");
        if let Known::Record(record) = &known {
            let signal = self.shutdown_signal(name, record, &mut log);
            ask(record, signal, self.times.stop, &mut log).map_err(Error::Stop)?;
        }
        match self.clean(name, &known, &mut log) {
            Ok(()) => {
                log.info("complete");
                Ok(())
            }
            Err(step) => {
                log.error("failed-to-cleanup", &step);
                Err(Error::Cleanup(step))
            }
        }
    }

    fn shutdown_signal(&self, name: &Name, record: &Record, log: &mut Log) -> Signal {
        let configured = match self.wanted(name) {
            Ok(process) => process.shutdown_signal,
            Err(error) => {
                log.error("configuration-unusable", &error);
                record.shutdown_signal.clone()
            }
        };
        match configured.as_str() {
            "INT" => Signal::INT,
            _ => Signal::TERM,
        }
    }
}

/// Asks it to end, and waits.
fn ask(record: &Record, signal: Signal, asked: Duration, log: &mut Log) -> Result<(), Step> {
    let Some(open) = record.init.as_ref().and_then(state::Identity::open) else {
        return Ok(());
    };
    for (signal, limit) in [(signal, asked), (Signal::QUIT, TOLD)] {
        // It may have ended just now.
        let _gone = pidfd_send_signal(&open, signal);
        let ended = process::ended(&open, limit);
        if ended.map_err(|errno| Step::Kernel("wait for the process", errno))? {
            return Ok(());
        }
        log.info("timed-out-waiting");
    }
    Ok(())
}
