//! `bpm logs`: tail(1) of a process's logs.

use std::ffi::OsString;
use std::process::Command;

use super::Bpm;
use crate::root::Name;
use crate::{Error, Step};

/// Which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Streams {
    /// What it prints.
    #[default]
    Out,
    /// What it complains about.
    Err,
    /// Both.
    Both,
}

/// How they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Which.
    pub streams: Streams,
    /// Whether to wait for more.
    pub follow: bool,
    /// As many lines.
    pub lines: u64,
    /// Whether to leave out headers.
    pub quiet: bool,
}

impl Bpm {
    /// The command that shows a process's logs.
    ///
    /// # Errors
    /// [`Error::NoLogs`].
    pub fn logs(&self, name: &Name, options: &LogOptions) -> Result<Command, Error> {
        let (stdout, stderr) = (self.root.stdout(name), self.root.stderr(name));
        let files = match options.streams {
            Streams::Out => vec![stdout],
            Streams::Err => vec![stderr],
            Streams::Both => vec![stdout, stderr],
        };
        if !files.iter().all(|file| file.exists()) {
            return Err(Error::NoLogs);
        }
        let mut arguments: Vec<OsString> = vec!["-n".into(), options.lines.to_string().into()];
        if options.follow {
            arguments.push("-f".into());
        }
        if options.quiet {
            arguments.push("-q".into());
        }
        let mut command = Command::new("tail");
        command.args(arguments).args(files);
        Ok(command)
    }

    /// Runs a command of ours to its end; a signal that it shares with us ends it, not us.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn to_its_end(mut command: Command) -> Result<i32, Error> {
        use std::os::unix::process::ExitStatusExt;
        let what = command.get_program().to_string_lossy().into_owned();
        let failed = |source: std::io::Error| {
            let source = Step::file("execute", &what)(source);
            Error::Program {
                what: what.clone(),
                source,
            }
        };
        // The terminal sends it to both; other signals reach it through us.
        let mut children = super::pump::Signals::hold(&super::pump::HANDED_ON).map_err(&failed)?;
        let mut child = command.spawn().map_err(&failed)?;
        let pid = i32::try_from(child.id()).ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        let status = loop {
            for signal in children.wait(std::time::Duration::from_millis(50)) {
                let _gone = pid.map(|pid| rustix::process::kill_process(pid, signal));
                if signal == rustix::process::Signal::INT {
                    child.wait().map_err(&failed)?;
                    return Ok(0);
                }
            }
            if let Some(status) = child.try_wait().map_err(&failed)? {
                break status;
            }
        };
        Ok(status
            .code()
            .or(status.signal().map(|s| 128 + s))
            .unwrap_or(1))
    }
}
