//! Freezing and killing whole groups.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use super::Cgroup;
use crate::error::{Error, Step};

/// Time for one round of killing without `cgroup.kill` before looking for new forks.
const ROUND: Duration = Duration::from_millis(50);

impl Cgroup {
    /// Stops every process in and below the group and waits until the kernel says so.
    ///
    /// # Errors
    /// [`Error::Timeout`] (a process in uninterruptible sleep); the group then stays *freezing*, so
    /// that the caller decides between waiting on and [`Cgroup::thaw`].
    pub fn freeze(&self, limit: Duration) -> Result<(), Error> {
        self.set_frozen(true, limit)
    }

    /// Lets the processes run again.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the group is kept frozen by an ancestor.
    pub fn thaw(&self, limit: Duration) -> Result<(), Error> {
        self.set_frozen(false, limit)
    }

    fn set_frozen(&self, frozen: bool, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        self.dir.write(
            &Step::Freeze,
            "cgroup.freeze",
            if frozen { "1" } else { "0" },
        )?;
        if self.wait_state(|s| s.frozen == frozen, started, limit)? {
            return Ok(());
        }
        let state = if frozen { "frozen" } else { "thawed" };
        Err(Error::Timeout {
            path: self.path().to_owned(),
            state,
            waited: started.elapsed(),
        })
    }

    /// Kills every process in and below the group and waits until it is empty: by `cgroup.kill`
    /// (Linux 5.14), else by freezing, signalling and thawing until nobody is left.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] when the time is up.
    pub fn kill(&self, limit: Duration) -> Result<(), Error> {
        match self.dir.write(&Step::Kill, "cgroup.kill", "1") {
            Ok(()) => self.wait_empty(limit),
            // EOPNOTSUPP: a threaded group.
            Err(e) if matches!(e.errno(), Some(Errno::NOENT | Errno::OPNOTSUPP)) => {
                if self.is_alive() {
                    self.kill_by_signals(limit)
                } else {
                    Ok(())
                }
            }
            Err(e) if e.is_gone() => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// What [`Cgroup::kill`] does where `cgroup.kill` is missing. Freezing first keeps a fork
    /// bomb from outrunning the signals; a v2-frozen process dies without being thawed.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] when the time is up.
    pub fn kill_by_signals(&self, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        let freezes = self.dir.has("cgroup.freeze");
        loop {
            if freezes {
                match self.freeze(ROUND) {
                    Ok(()) | Err(Error::Timeout { .. }) => {}
                    Err(e) if e.is_gone() && !self.is_alive() => return Ok(()),
                    Err(e) => return Err(e),
                }
            }
            let signalled = self.signal_all();
            if freezes {
                // Also after a failure: nobody must stay frozen.
                match self.thaw(ROUND) {
                    Ok(()) | Err(Error::Timeout { .. }) => {}
                    Err(e) if e.is_gone() => {}
                    Err(e) => return Err(e),
                }
            }
            signalled?;
            if self.wait_state(|s| !s.populated, Instant::now(), ROUND)? {
                return self.forget_frozen();
            }
            if started.elapsed() >= limit {
                return self.wait_empty(Duration::ZERO);
            }
        }
    }

    /// A group whose last process ends while others below it are not all frozen yet counts as frozen from
    /// then on, and a thaw does not change that, since the kernel then asks whether all below it are
    /// frozen. Once nobody is left, all of them are frozen at once, and thawed.
    fn forget_frozen(&self) -> Result<(), Error> {
        let gone_is_fine = |outcome: Result<(), Error>| match outcome {
            Err(Error::Timeout { .. }) => Ok(()),
            Err(e) if e.is_gone() => Ok(()),
            other => other,
        };
        match self.state() {
            Ok(state) if state.frozen => {
                gone_is_fine(self.freeze(ROUND))?;
                gone_is_fine(self.thaw(ROUND))
            }
            Ok(_) => Ok(()),
            Err(e) if e.is_gone() => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn signal_all(&self) -> Result<(), Error> {
        kill_each(self.procs_below(), self.path())
    }
}

/// Sends SIGKILL to each; one that is gone already is fine, and one that we may not kill keeps no
/// other from it.
pub(crate) fn kill_each(
    pids: Result<Vec<i32>, Error>,
    path: &std::path::Path,
) -> Result<(), Error> {
    let mut result = Ok(());
    for pid in pids?.into_iter().filter_map(Pid::from_raw) {
        match rustix::process::kill_process(pid, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(e) => result = result.and(Err(Error::kernel(Step::Kill, path, e))),
        }
    }
    result
}
