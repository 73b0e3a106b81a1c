//! What can go wrong with an external runtime.

use std::path::PathBuf;

use rustix::io::Errno;

use super::super::error::Failure;

/// An external runtime could not be used, or did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// It is not there, or is no program.
    #[error(
        "cannot execute the runtime {}; install it, give another path, or serve without --runtime",
        program.display()
    )]
    Execute {
        /// Its path.
        program: PathBuf,
        /// Why.
        source: Errno,
    },
    /// It ended with an error.
    #[error("{} {step} failed ({how}): {said}", program.display())]
    Failed {
        /// Its path.
        program: PathBuf,
        /// What it was asked to do: `create`, `start`, `delete`, `--version`.
        step: &'static str,
        /// Its exit status or signal.
        how: String,
        /// Its own words, and what may be done about them.
        said: String,
    },
    /// It did not end.
    #[error("{} {step} took longer than {limit:?} and was killed", program.display())]
    TimedOut {
        /// Its path.
        program: PathBuf,
        /// What it was asked to do.
        step: &'static str,
        /// How long it was waited for.
        limit: std::time::Duration,
    },
    /// It ended well, and left no first process, or one that is no child of the keeper's.
    #[error("{} create ended well, but {what}: is it a runtime of the OCI?", program.display())]
    NoInit {
        /// Its path.
        program: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The root of an unprivileged container lies in a directory that its users may not enter.
    /// Runtimes go there by path, with the rights of the container's root.
    #[error(
        "the container's root cannot reach its root directory: others may not enter {}; \
         chmod o+x it, or keep images elsewhere (--store)",
        .0.display()
    )]
    Unreachable(PathBuf),
    /// The groups of a v1 hierarchy are where no runtime looks.
    #[error(
        "the group {} is not below {}, where runtimes look for groups; \
         mount the hierarchy there, or serve without --runtime",
        .0.display(),
        super::CGROUPS
    )]
    Elsewhere(PathBuf),
    /// A file of the runtime's directory, or another step of our own.
    #[error("cannot prepare the external runtime")]
    Step(#[source] Failure),
    /// No process for it.
    #[error("cannot make a process for the external runtime")]
    Fork(#[from] warren_sys_process::fork::Error),
}
