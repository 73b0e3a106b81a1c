//! `bpm run`: a process for once, which ends before this does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Uid, fchown};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};
use warren_wire_bpm::Volume;

use super::Bpm;
use super::launch::{How, Launched};
use super::pump::{HANDED_ON, Signals, Tee, ready};
use crate::files::{Owner, open_log};
use crate::host::User;
use crate::lock::lock;
use crate::root::Name;
use crate::state::{self, Status};
use crate::{Error, Step};

/// What is different from how the process is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// More additional volumes.
    pub volumes: Vec<Volume>,
    /// More variables.
    pub environment: Vec<(String, String)>,
}

impl Bpm {
    /// Runs a process to its end, with its output in the logs and on our own streams; the answer is
    /// its exit status. Signals that we are sent it is sent.
    ///
    /// To be called in a process with one thread.
    ///
    /// # Errors
    /// [`Error`], also if the process is running already.
    pub fn run(&self, name: &Name, options: RunOptions) -> Result<i32, Error> {
        let user = self.user()?;
        let held = lock(&self.root.process_lock(name)).map_err(Error::Prepare)?;
        let mut process = self.wanted(name)?;
        process.additional_volumes.extend(options.volumes);
        process.env.extend(options.environment);
        process
            .check(name.job())
            .map_err(|invalid| Error::Configuration(invalid.into()))?;
        let mut log = self.log(name, "run", user)?;
        log.info("starting");
        let known = state::load(&self.root, name).map_err(Error::Start)?;
        if known.status() == Status::Running {
            return Err(Error::Running(name.full()));
        }
        self.clean(name, &known, &mut log).map_err(Error::Stale)?;
        // From here on nobody ends us without the process.
        let signals = Signals::hold(&HANDED_ON)
            .map_err(Step::file("hold back", "signals"))
            .map_err(Error::Start)?;
        let (out, stdout) = pipe(user).map_err(Error::Start)?;
        let (err, stderr) = pipe(user).map_err(Error::Start)?;
        let how = How::Run { stdout, stderr };
        let Launched { init, place, unit } = self
            .launch(name, &process, user, how, &mut log)
            .map_err(|step| {
                log.error("failed", &step);
                Error::Start(step)
            })?;
        // Others may look at it, and stop it.
        drop(held);
        let watched = self.watch(name, user, init, [out, err], signals);
        let _held = lock(&self.root.process_lock(name)).map_err(Error::Prepare)?;
        self.remove(name, &place, unit.as_deref())
            .map_err(Error::Cleanup)?;
        log.info("complete");
        watched.map_err(Error::Start)
    }

    /// Passes on what it says until it has ended; how it has.
    fn watch(
        &self,
        name: &Name,
        user: User,
        init: rustix::process::Pid,
        [out, err]: [OwnedFd; 2],
        mut signals: Signals,
    ) -> Result<i32, Step> {
        let owner = Owner::from(user);
        let kernel = |what| move |errno| Step::Kernel(what, errno);
        let streams = "read the process's output";
        let tee = |from, log: &std::path::Path, to: BorrowedFd<'_>| {
            let to = to
                .try_clone_to_owned()
                .map_err(Step::file("copy", "our streams"))?;
            Tee::new(from, open_log(log, owner)?, to).map_err(kernel(streams))
        };
        let mut tees = [
            tee(out, &self.root.stdout(name), io::stdout().as_fd())?,
            tee(err, &self.root.stderr(name), io::stderr().as_fd())?,
        ];
        let process = pidfd_open(init, PidfdFlags::empty()).map_err(kernel("watch the process"))?;
        loop {
            let mut waiting = vec![process.as_fd()];
            waiting.extend(signals.descriptors());
            waiting.extend(tees.iter().filter_map(Tee::source));
            let came = ready(&waiting, None).map_err(kernel(streams))?;
            let has_ended = came.first() == Some(&true);
            drop(waiting);
            for signal in signals.take() {
                let _gone = pidfd_send_signal(&process, signal);
            }
            for tee in &mut tees {
                tee.pass()
                    .map_err(Step::file("write", "the process's output"))?;
            }
            if has_ended {
                break;
            }
        }
        let ended = waitpid(Some(init), WaitOptions::empty());
        let ended = ended.map_err(kernel("wait for the process"))?;
        let status = ended.map(|(_, status)| status);
        let code = status.and_then(|s| s.exit_status().or(s.terminating_signal().map(|n| 128 + n)));
        Ok(code.unwrap_or(1))
    }
}

/// A pipe that the process's user may open again as `/dev/stdout`.
fn pipe(user: User) -> Result<(OwnedFd, OwnedFd), Step> {
    let failed = |errno| Step::Kernel("make a pipe", errno);
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    fchown(&write, Some(uid), Some(gid)).map_err(failed)?;
    Ok((read, write))
}
