//! Why a director does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a director does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the home.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A document of the home that is none.
    #[error("{} is not what was written there: remove it to have a new one made", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A certificate cannot be made.
    #[error("cannot make the certificate {name}")]
    Certificate {
        /// Which one.
        name: String,
        /// Why not.
        source: warren_director_variables::GenerateError,
    },
    /// TLS of a server.
    #[error("cannot use the certificate of the director")]
    Tls(#[from] warren_lib_https::TlsError),
    /// An address is taken.
    #[error("cannot listen at {address}: is another director running?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The bus.
    #[error("cannot use NATS at {url}")]
    Nats {
        /// Where it is.
        url: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] warren_director_store::Error),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] warren_director_bus::Error),
    /// The blobstore.
    #[error(transparent)]
    Blob(#[from] warren_director_blobstore::Error),
    /// A server ended.
    #[error("the {role} ended")]
    Ended {
        /// Which role.
        role: &'static str,
        /// Why.
        source: std::io::Error,
    },
}
