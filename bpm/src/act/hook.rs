//! What a job does before its process starts: a program of the host, as root, with the process's
//! environment and logs.
//!
//! ```text
//! bpm-init --when-told HOOK, in a process group of its own
//!   └─ its pid goes to the record ─► told ─► executes HOOK ─► ended, or killed with its group
//! ```
//!
//! It is in the record before it does anything, so whoever finds the record of a bpm that died ends it,
//! and there are never two. What it leaves behind when it ends by itself is left alone: a hook may start
//! what its process needs.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use warren_wire_bpm::Hooks;

use super::clean::kill_hook;
use super::prepare::Logs;
use super::pump::{Signals, ready};
use crate::init;
use crate::state::Identity;
use crate::{Root, Step};

/// What ends us ends the hook too.
const INTERRUPTIONS: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// A hook that waits to be told.
#[derive(Debug)]
pub(super) struct Hook {
    path: PathBuf,
    child: Child,
    line: UnixStream,
    /// Itself; `None` if it has ended already.
    pub identity: Option<Identity>,
}

impl Hook {
    /// Makes its process; `program` is our own.
    pub fn prepare(
        root: &Root,
        program: &Path,
        hooks: &Hooks,
        environment: &BTreeMap<String, String>,
        logs: &Logs,
    ) -> Result<Self, Step> {
        if hooks.pre_start.is_empty() {
            return Err(failed("exec: no command"));
        }
        let (Ok(stdout), Ok(stderr)) = (logs.stdout.try_clone(), logs.stderr.try_clone()) else {
            return Err(failed("its logs cannot be opened"));
        };
        let path = root.on_host(Path::new(&hooks.pre_start));
        let (line, theirs) =
            UnixStream::pair().map_err(Step::file("make a line to", path.clone()))?;
        let child = Command::new(program)
            .arg0(init::NAME)
            .arg(init::WHEN_TOLD)
            .arg(&path)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .map_err(Step::file("execute", program))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(Self {
            path,
            child,
            line,
            identity: pid.and_then(Identity::of),
        })
    }

    /// Runs it to its end, or for this long.
    pub fn run(mut self, limit: Option<Duration>) -> Result<(), Step> {
        let ended = self.ended(limit);
        if ended.is_err()
            && let Some(identity) = &self.identity
        {
            // Else the next start or stop ends it.
            kill_hook(identity)?;
        }
        // Whoever was not told ends by itself.
        drop(self.line);
        let status = self
            .child
            .wait()
            .map_err(Step::file("wait for", self.path))?;
        ended.and_then(|()| success(status))
    }

    fn ended(&mut self, limit: Option<Duration>) -> Result<(), Step> {
        let mut signals =
            Signals::hold(&INTERRUPTIONS).map_err(Step::file("hold back", "signals"))?;
        let Some(process) = self.identity.as_ref().and_then(Identity::open) else {
            return Ok(());
        };
        let mut said = String::new();
        let told = self.line.write_all(&[1]);
        // Until it is executed, which closes the line, or says why it cannot be.
        if told.is_err() || self.line.read_to_string(&mut said).is_err() || !said.is_empty() {
            return Err(failed(&format!("{}: {said}", self.path.display())));
        }
        let started = Instant::now();
        loop {
            let left = limit.map(|limit| limit.saturating_sub(started.elapsed()));
            let mut waiting = vec![process.as_fd()];
            waiting.extend(signals.descriptors());
            let came = ready(&waiting, left).map_err(|e| Step::Kernel("wait for the hook", e))?;
            if came.first() == Some(&true) {
                return Ok(());
            }
            drop(waiting);
            if let Some(signal) = signals.take().first() {
                let signal = signal.as_raw();
                return Err(failed(&format!("killed, since bpm got signal {signal}")));
            }
            if let Some(limit) = limit.filter(|limit| started.elapsed() >= *limit) {
                let seconds = limit.as_secs();
                return Err(failed(&format!(
                    "killed, since it took longer than {seconds} s: {} sets how long it may",
                    crate::settings::HOOK_TIMEOUT
                )));
            }
        }
    }
}

fn success(status: ExitStatus) -> Result<(), Step> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(failed(&format!("exit status {code}"))),
        (None, signal) => Err(failed(&format!("signal: {}", signal.unwrap_or_default()))),
    }
}

fn failed(reason: &str) -> Step {
    Step::Hook(reason.to_owned())
}
