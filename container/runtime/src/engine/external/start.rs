//! Having a waiting first process execute its program.
//!
//! A runtime's `start` ends when it has given the word; whether the program was executed shows in
//! the process alone.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::super::error::{Error, Failure};
use super::run::ended_within;
use super::view::View;
use super::{External, ExternalError, log};
use crate::groups::Groups;
use crate::groups::make::{limit, show};
use crate::oci::Resources;

/// How long it may take after the word is given.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_micros(200);

/// A container that a runtime has made and that has not been started.
#[derive(Debug)]
pub(in crate::engine) struct Waiting {
    pub(super) external: External,
    pub(super) view: Option<View>,
    pub(super) executable: Executable,
    pub(super) resources: Resources,
}

/// The file that a process executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Executable {
    device: u64,
    inode: u64,
}

impl Executable {
    /// That of a process; `None` once it has ended.
    pub(super) fn of(pid: Pid) -> Option<Self> {
        let link = format!("/proc/{}/exe", pid.as_raw_nonzero());
        let metadata = std::fs::metadata(link).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

impl Waiting {
    /// Has init execute its program, and puts the container's limits in force; if that fails, init is
    /// dead. Init is the only process that there can be before this is done.
    pub(in crate::engine) fn start(self, init: Pid, groups: &mut Groups) -> Result<(), Error> {
        let started = self
            .external
            .run("start", &[], self.view.as_ref(), None)
            .map_err(Error::from)
            .and_then(|_| self.executed(init))
            .and_then(|()| {
                let limited = limit(&groups.outer, &self.resources, &mut groups.remarks);
                show(&groups.init, &self.resources, &mut groups.remarks);
                limited.map_err(Error::from)
            });
        // Its end is the keeper's to learn, which waits for it: it is only killed.
        started.inspect_err(|_| {
            let _gone = rustix::process::kill_process(init, rustix::process::Signal::KILL);
        })
    }

    fn executed(&self, init: Pid) -> Result<(), Error> {
        let failed = |e| ExternalError::Step(Failure::new("watch", "init", e));
        let fd = pidfd_open(init, PidfdFlags::empty()).map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Executable::of(init) {
                Some(now) if now != self.executable => return Ok(()),
                _ => {}
            }
            if ended_within(&fd, INTERVAL).map_err(failed)? {
                let said =
                    super::run::said(&log::read(&self.external.log()), &self.external.program);
                return Err(Error::Init(
                    Failure::new(
                        "execute",
                        "the first process's program",
                        rustix::io::Errno::NOEXEC,
                    )
                    .hint(&said),
                ));
            }
            if Instant::now() >= deadline {
                return Err(Error::TimedOut(PATIENCE));
            }
        }
    }
}
