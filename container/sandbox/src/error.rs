//! Why a program is not running in a sandbox.

use std::path::PathBuf;

use rustix::io::Errno;
use warren_sys_process::fork;

/// A program was not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is in no directory of `PATH`, or there is no such file.
    #[error("there is no program {}", program.display())]
    NoProgram {
        /// As it was asked for.
        program: PathBuf,
    },
    /// A word of the command line holds a zero byte.
    #[error("the program's {what} hold a zero byte")]
    ZeroByte {
        /// Arguments or environment.
        what: &'static str,
    },
    /// The pipe to the child.
    #[error("cannot make a pipe")]
    Pipe(#[source] Errno),
    /// Waiting for the child.
    #[error("cannot wait for the program")]
    Wait(#[source] Errno),
    /// Not a single thread, or no more processes.
    #[error("cannot start the sandbox")]
    Fork(#[from] fork::Error),
    /// Each way was tried.
    #[error("no sandbox can be had here ({})", reasons.join("; "))]
    Refused {
        /// Why not, one for each rung.
        reasons: Vec<String>,
    },
    /// The sandbox stands, but the program cannot be executed in it.
    #[error("{0}")]
    Execute(String),
}
