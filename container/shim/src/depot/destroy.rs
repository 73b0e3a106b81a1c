//! Destroying a container, whatever of it is left.
//!
//! ```text
//!   ask the shim ─► shim gone? ─► init gone? ─► cgroups killed, removed ─► NAME/ renamed, removed
//!        │ no answer    │ no: SIGKILL  │ no: SIGKILL       └─ external runtime: forgets it
//! ```
//!
//! By the time that an external runtime is asked nothing of the container lives, and its state is in
//! the container's directory: one that has been uninstalled, or fails, keeps no container from going.
//!
//! Every step looks for itself, so that a destruction that was cut off is just begun again.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};

use warren_container_runtime::groups;
use warren_container_runtime::identity::Identity;
use warren_sys_process::descriptor_limit::passed;

use super::{Depot, Error};
use crate::record::Record;
use crate::wire::Request;

/// How long the shim may take to end after its answer, and whoever is killed.
const PATIENCE: Duration = Duration::from_secs(10);

impl Depot {
    /// Kills the container's processes and shim and removes its cgroups and its directory.
    /// `false` if there was no such container.
    ///
    /// # Errors
    /// [`Error::Destroying`] while another call is at it; [`Error::Cgroup`] or [`Error::Io`] with
    /// what could not be removed: the container is then still listed, and can be destroyed again.
    pub fn destroy(&self, handle: &str) -> Result<bool, Error> {
        let _entry = self.busy.destroy(handle)?;
        let directory = self.path(handle);
        if !directory.exists() {
            return Ok(false);
        }
        let asked: Result<(), Error> = self.ask(handle, "", &Request::Kill);
        // Read after the shim has said that it is through: it writes the record.
        if let Some(record) = Record::load(&directory) {
            // A shim that has answered ends by itself.
            end(
                &record.shim,
                if asked.is_ok() {
                    PATIENCE
                } else {
                    Duration::ZERO
                },
            );
            if let Some(init) = &record.init {
                end(init, Duration::ZERO);
            }
        }
        // What was asked for tells where they are, also if the shim was killed before its record.
        if let Some(spec) = super::list::read_spec(&directory)? {
            let place = spec.cgroup.parent.child(&spec.cgroup.name);
            groups::destroy(&place, PATIENCE).map_err(|source| Error::Cgroup {
                handle: handle.to_owned(),
                source: Box::new(source),
            })?;
            if spec.runtime.is_some() {
                self.forget(&directory);
            }
        }
        let name = crate::name::of(handle);
        let removing = self.directory.join(format!(".removing-{name}"));
        clear(&removing)?;
        match fs::rename(&directory, &removing) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => other.map_err(Error::io("remove", directory))?,
        }
        clear(&removing)?;
        Ok(true)
    }
}

impl Depot {
    /// Has an external runtime remove its own state, which it may keep elsewhere too.
    fn forget(&self, directory: &Path) {
        if !directory.join(crate::forget::RUNTIME).exists() {
            return;
        }
        let mut command = Command::new(&self.program);
        command
            .arg(crate::forget::VERB)
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(passed());
        // It waits for the runtime, and not for ever.
        let _told_above = command.status();
    }
}

fn clear(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::io("remove", path)),
    }
}

/// Waits until a process has ended, and kills it when the time is up.
fn end(process: &Identity, patience: Duration) {
    let Some(fd) = process.open() else { return };
    if ended_within(&fd, patience) {
        return;
    }
    // It may just have ended; and what cannot be killed shows in its cgroup.
    let _gone = pidfd_send_signal(&fd, Signal::KILL);
    ended_within(&fd, PATIENCE);
}

fn ended_within(fd: &OwnedFd, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        let mut poll = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut poll, timeout.as_ref()) {
            Err(Errno::INTR) => {}
            Ok(ready) => return ready > 0,
            Err(_) => return false,
        }
    }
}
