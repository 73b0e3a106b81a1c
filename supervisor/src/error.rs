//! Why there is no supervisor, and what it refuses.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::fleet::Busy;
use crate::monitrc::load::LoadError;

/// Why a supervisor did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its control file is wrong.
    #[error("cannot use the configuration")]
    Load(#[from] LoadError),
    /// Another one keeps the same state.
    #[error("another supervisor runs with the state in {0}")]
    Running(PathBuf),
    /// The state cannot be locked.
    #[error("cannot lock the state {0}")]
    Lock(PathBuf, #[source] std::io::Error),
    /// The HTTP interface has no address.
    #[error("the address {0:?} of the HTTP interface")]
    Address(String, #[source] std::io::Error),
    /// It cannot listen there.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// A thread or a pipe cannot be had.
    #[error("cannot begin: {0}")]
    Begin(&'static str, #[source] std::io::Error),
}

/// Why an order was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No service has that name.
    #[error("there is no service {0:?}")]
    NoService(String),
    /// Something else was asked for before.
    #[error("service '{0}'")]
    Busy(String, #[source] Busy),
    /// The supervisor has stopped.
    #[error("the supervisor has stopped")]
    Stopped,
}
