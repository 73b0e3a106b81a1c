//! Jobs and packages of a spec: plan, and carry out.

pub mod apply;
pub mod jobs;
pub mod packages;
pub mod plan;

use crate::blob::BlobError;
use crate::files::{FileError, NotAName};
use crate::unpack::UnpackError;

/// A spec could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// The archive of the jobs.
    #[error("cannot fetch the rendered templates")]
    Templates(#[source] BlobError),
    /// Its content.
    #[error("cannot unpack the rendered templates")]
    Content(#[source] UnpackError),
    /// A job that is not in it.
    #[error("the rendered templates hold no job {0}")]
    NoJob(String),
    /// A package.
    #[error("cannot fetch the package {name}")]
    Fetch {
        /// Which.
        name: String,
        /// Why not.
        source: BlobError,
    },
    /// A package's content.
    #[error("cannot install the package {name}")]
    Package {
        /// Which.
        name: String,
        /// Why not.
        source: UnpackError,
    },
}
