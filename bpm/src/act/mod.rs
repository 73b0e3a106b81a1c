//! The verbs, one file each.

mod clean;
mod configuration;
mod hook;
mod launch;
mod list;
mod logs;
mod pid;
mod prepare;
mod pump;
mod run;
mod shell;
mod start;
mod stop;
mod trace;

use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};

use crate::host::{self, User};
use crate::settings::Times;
use crate::{Error, Root, Settings, Step};

pub use list::{Entry, List};
pub use logs::{LogOptions, Streams};
pub use run::RunOptions;

/// The process runner.
#[derive(Debug, Clone)]
pub struct Bpm {
    root: Root,
    settings: Settings,
    times: Times,
    program: PathBuf,
}

impl Bpm {
    /// One that works on this root. Sets the calling process's umask.
    ///
    /// # Errors
    /// [`Error::NotRoot`], [`Error::Seconds`], or our own executable has no path.
    pub fn new(root: Root, settings: Settings) -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let times = Times::from_environment()?;
        umask(Mode::from_raw_mode(0o022));
        let program = std::env::current_exe()
            .map_err(Step::file("find", "/proc/self/exe"))
            .map_err(Error::Prepare)?;
        Ok(Self {
            root,
            settings,
            times,
            program,
        })
    }

    fn user(&self) -> Result<User, Error> {
        host::user().map_err(Error::Prepare)
    }
}
