//! `bpm shell`: a shell beside a process, with its user, mounts, limits and filters.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use warren_container_runtime::ProcessSpec;
use warren_container_runtime::engine::{Container, Stdio, resize};
use warren_container_runtime::oci::Spec;
use warren_container_runtime::spec::Terminal;

use super::Bpm;
use super::pump::{Signals, ready};
use crate::root::Name;
use crate::state::{self, Known};
use crate::{Error, Step};

/// The shell.
const SHELL: &str = "/bin/bash";

impl Bpm {
    /// Opens a shell on a terminal of the container's own; the answer is its exit status.
    ///
    /// To be called in a process with one thread.
    ///
    /// # Errors
    /// [`Error::NotRunning`], or the shell cannot be started.
    pub fn shell(&self, name: &Name, term: &str) -> Result<i32, Error> {
        let known = state::load(&self.root, name).map_err(|_| Error::NotRunning)?;
        let pid = known.running().and_then(Pid::from_raw);
        let (Known::Record(record), Some(pid)) = (&known, pid) else {
            return Err(Error::NotRunning);
        };
        let failed = |source: Step| Error::Program {
            what: SHELL.to_owned(),
            source,
        };
        let bundle = self.bundle(name).map_err(failed)?;
        let container = Container::reopen(&bundle, pid, &record.place);
        let container = container.map_err(|error| failed(error.into()))?;
        let terminal = container.terminal(size());
        let terminal = terminal.map_err(|error| failed(error.into()))?;
        let user = &bundle.process.user;
        let process = ProcessSpec {
            path: SHELL.to_owned(),
            env: vec![format!("TERM={term}")],
            user: format!("{}:{}", user.uid, user.gid),
            dir: Some(bundle.process.cwd.clone().into()),
            ..ProcessSpec::default()
        };
        let signals = Signals::hold(&[Signal::WINCH])
            .map_err(Step::file("hold back", "signals"))
            .map_err(failed)?;
        let shell = container
            .spawn(&process, Stdio::Terminal(terminal.slave))
            .map_err(|error| failed(error.into()))?;
        let raw = Raw::set()
            .map_err(Step::file("set", "the terminal"))
            .map_err(failed)?;
        let carried = carry(terminal.master.into(), signals);
        drop(raw);
        carried
            .map_err(Step::file("use", "the terminal"))
            .map_err(failed)?;
        let ended = waitpid(Some(shell), WaitOptions::empty());
        let ended = ended.map_err(|errno| failed(Step::Kernel("wait for the shell", errno)))?;
        let status = ended.map(|(_, status)| status);
        let code = status.and_then(|s| s.exit_status().or(s.terminating_signal().map(|n| 128 + n)));
        Ok(code.unwrap_or(1))
    }

    /// What the process's container was made of.
    fn bundle(&self, name: &Name) -> Result<Spec, Step> {
        let path = self.root.bundle(name).join("config.json");
        let text = std::fs::read(&path).map_err(Step::file("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| Step::file("read", &path)(error.into()))
    }
}

/// Carries bytes until the terminal has no process any more.
fn carry(mut master: File, mut signals: Signals) -> io::Result<()> {
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut bytes = [0; 16 << 10];
    let mut reading = true;
    loop {
        let mut waiting = vec![master.as_fd()];
        waiting.extend(signals.descriptors());
        if reading {
            waiting.push(stdin.as_fd());
        }
        let came = ready(&waiting, None)?;
        let (from_shell, from_us) = (came.first() == Some(&true), came.last() == Some(&true));
        drop(waiting);
        if !signals.take().is_empty() {
            resize(&master, size())?;
        }
        if from_shell {
            match master.read(&mut bytes) {
                // The last process that had the other end is gone.
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) => stdout.write_all(bytes.get(..count).unwrap_or_default())?,
            }
        }
        if reading && from_us {
            match stdin.read(&mut bytes) {
                Ok(0) | Err(_) => {
                    reading = false;
                    // The end-of-file character: what a person would type.
                    master.write_all(&[4])?;
                }
                Ok(count) => master.write_all(bytes.get(..count).unwrap_or_default())?,
            }
        }
    }
}

/// Of our own terminal.
fn size() -> Terminal {
    match tcgetwinsize(io::stdin()) {
        Ok(size) => Terminal {
            columns: size.ws_col,
            rows: size.ws_row,
        },
        Err(_) => Terminal::default(),
    }
}

/// Our own terminal passes on all that is typed, until this is dropped.
struct Raw(Option<(OwnedFd, Termios)>);

impl Raw {
    fn set() -> io::Result<Self> {
        let stdin = io::stdin();
        if !isatty(&stdin) {
            return Ok(Self(None));
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        let terminal = stdin.as_fd().try_clone_to_owned()?;
        tcsetattr(&stdin, OptionalActions::Drain, &raw)?;
        Ok(Self(Some((terminal, before))))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some((terminal, before)) = &self.0 {
            // If the terminal is gone there is nothing to put back.
            let _ = tcsetattr(terminal, OptionalActions::Drain, before);
        }
    }
}
