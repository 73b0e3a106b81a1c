//! Pid 1 of a VM that is a container: keeps the supervisor and the agent running, and reaps.
//!
//! ```text
//! down ── due ──► up ── ends ──► down (due at once if it ran for 10 s, else after a pause)
//!                  └── SIGTERM, SIGPWR ──► ending: the agent, the supervisor, all others
//! ```
//!
//! It needs no service manager, and none needs it. Started by something else than the kernel, as
//! the stock Warden CPI does with `runsvdir-start`, it declares itself the parent of orphans. It
//! holds no state: what it started is found again by nobody, because nothing but its own end ends
//! its children's world.

mod backoff;
mod log_file;
mod service;
mod shut;

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper, wait,
};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::low_level::pipe::register;

use service::Kept;
pub use service::Service;

use crate::files::FileError;
use crate::say;

/// Tells children whose they are.
const VARIABLE: &str = "WARREN_INIT";
/// Sent when the power fails, and by container managers.
const SIGPWR: i32 = 30;
/// How often logs are looked at.
const LOGS: Duration = Duration::from_secs(60);

/// Init cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

/// Keeps services running until it is told to end. They are ended in the order given. Logs of jobs below
/// `jobs` are cut when they are long: where there is no agent, nobody else does it.
///
/// # Errors
/// [`InitError`], before anything was started.
pub fn run(services: Vec<Service>, logs: &PathBuf, jobs: Option<&Path>) -> Result<(), InitError> {
    std::fs::create_dir_all(logs).map_err(crate::files::failed("make the directory", logs))?;
    let is_first = getpid() == Pid::INIT;
    if !is_first && let Err(errno) = set_child_subreaper(Some(getpid())) {
        say!("init", "orphans go elsewhere: {errno}");
    }
    let (mut children, mut ends) = (pipe(&[SIGCHLD])?, pipe(&[SIGTERM, SIGINT, SIGPWR])?);
    let mut kept: Vec<Kept> = services
        .into_iter()
        .map(|one| Kept::new(one, logs))
        .collect();
    let mut next_logs = Instant::now() + LOGS;
    loop {
        reap(&mut kept);
        let now = Instant::now();
        for service in &mut kept {
            service.start_if_due(now);
        }
        if now >= next_logs {
            kept.iter().for_each(Kept::rotate);
            if let Some(jobs) = jobs {
                log_file::rotate_below(jobs, |log, error| {
                    say!("init", "cannot cut {}: {error}", log.display());
                });
            }
            next_logs = now + LOGS;
        }
        let due = kept
            .iter()
            .filter_map(Kept::due)
            .chain([next_logs])
            .min()
            .unwrap_or(next_logs);
        pause(
            &[&children, &ends],
            due.saturating_duration_since(Instant::now()),
        );
        drain(&mut children);
        if drain(&mut ends) {
            break;
        }
    }
    say!("init", "ending");
    shut::all(&mut kept, is_first);
    Ok(())
}

fn pipe(signals: &[i32]) -> Result<UnixStream, InitError> {
    let (read, write) = UnixStream::pair().map_err(InitError::Signals)?;
    read.set_nonblocking(true).map_err(InitError::Signals)?;
    for signal in signals {
        let write = write.try_clone().map_err(InitError::Signals)?;
        register(*signal, write).map_err(InitError::Signals)?;
    }
    Ok(read)
}

/// Empties a pipe; tells whether there was anything in it.
fn drain(pipe: &mut UnixStream) -> bool {
    let (mut bytes, mut any) = ([0; 64], false);
    while pipe.read(&mut bytes).is_ok_and(|count| count > 0) {
        any = true;
    }
    any
}

fn pause(pipes: &[&UnixStream], limit: Duration) {
    let limit = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    let mut all: Vec<_> = pipes
        .iter()
        .map(|pipe| PollFd::new(*pipe, PollFlags::IN))
        .collect();
    // Interrupted or not: the pipes are looked at.
    let _ = poll(&mut all, Some(&limit));
}

/// Takes the ends of all children, ours and orphans.
fn reap(kept: &mut [Kept]) {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if let Some(service) = kept.iter_mut().find(|service| service.pid() == Some(pid)) {
            let how = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => format!("with status {code}"),
                (_, Some(signal)) => format!("by signal {signal}"),
                _ => "somehow".to_owned(),
            };
            service.ended(&how);
        }
    }
}

/// If our parent is such an init, asks it to end; tells whether it is.
#[must_use]
pub fn ask_to_end() -> bool {
    let Ok(named) = std::env::var(VARIABLE) else {
        return false;
    };
    let Some(parent) = getppid() else {
        return false;
    };
    named == parent.as_raw_nonzero().to_string() && kill_process(parent, Signal::TERM).is_ok()
}
