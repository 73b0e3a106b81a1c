//! What can go wrong with blobs.

use std::path::PathBuf;

/// What can go wrong with blobs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such blob.
    #[error("there is no blob {id}")]
    Missing {
        /// Its id.
        id: String,
    },
    /// A text that is no id.
    #[error("{id:?} is no id of a blob")]
    Id {
        /// The text.
        id: String,
    },
    /// A blob that is larger than its reader can take.
    #[error("blob {id} has {size} bytes, more than {limit}")]
    TooLarge {
        /// Its id.
        id: String,
        /// Its size.
        size: u64,
        /// What the reader can take.
        limit: u64,
    },
    /// The file system.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}
