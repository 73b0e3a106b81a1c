//! What [`Depot`](crate::Depot) can answer instead.

use std::path::PathBuf;

use crate::frame::ReadError;
use crate::wire::{Failure, FailureKind};

/// A container could not be made, reached, used or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The depot has no container of that handle.
    #[error("there is no container {handle:?}")]
    ContainerNotFound {
        /// The handle.
        handle: String,
    },
    /// The depot has a container of that handle, however dead.
    #[error("there is a container {handle:?} already")]
    ContainerExists {
        /// The handle.
        handle: String,
    },
    /// The container is there, but its shim or its init has ended, or init has not been started.
    #[error("container {handle:?} is not running: {reason}")]
    NotRunning {
        /// The handle.
        handle: String,
        /// In what way.
        reason: String,
    },
    /// The container is being destroyed by another call.
    #[error("container {handle:?} is already being destroyed")]
    Destroying {
        /// The handle.
        handle: String,
    },
    /// The container never had a process of that id.
    #[error("container {handle:?} has no process {id:?}")]
    ProcessNotFound {
        /// The handle.
        handle: String,
        /// The process.
        id: String,
    },
    /// The container has, or had, a process of that id.
    #[error("container {handle:?} has a process {id:?} already")]
    ProcessExists {
        /// The handle.
        handle: String,
        /// The process.
        id: String,
    },
    /// The container has no such program.
    #[error("{message}")]
    ExecutableNotFound {
        /// Which, and where it was looked for.
        message: String,
    },
    /// The container has no such user or group.
    #[error("{message}")]
    UnknownUser {
        /// Which.
        message: String,
    },
    /// An archive could not be packed or unpacked.
    #[error("{message}")]
    Stream {
        /// The cause, without what was being done.
        message: String,
    },
    /// The shim could not do it.
    #[error("{message}")]
    Refused {
        /// The causes in one line.
        message: String,
    },
    /// The container could not be made; nothing of it is left unless the text says so.
    #[error("container {handle:?} cannot be created: {message}")]
    Create {
        /// The handle.
        handle: String,
        /// The causes in one line.
        message: String,
    },
    /// The OCI bundle cannot be made of what was asked for.
    #[error("container {handle:?} cannot be described")]
    Bundle {
        /// The handle.
        handle: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A shim does not answer.
    #[error("the shim of container {handle:?} cannot be talked to")]
    Shim {
        /// The handle.
        handle: String,
        /// Why.
        source: ReadError,
    },
    /// A shim answers something else.
    #[error("the shim of container {handle:?} gave an answer that does not fit")]
    Answer {
        /// The handle.
        handle: String,
    },
    /// A file or directory of the depot.
    #[error("cannot {step} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        step: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the depot is not what was written there.
    #[error("{} cannot be understood", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The container's cgroups could not be emptied or removed.
    #[error("the cgroups of container {handle:?} cannot be removed")]
    Cgroup {
        /// The handle.
        handle: String,
        /// Why.
        source: Box<warren_container_runtime::groups::DestroyError>,
    },
}

impl Error {
    pub(crate) fn io(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { step, path, source }
    }

    /// What the shim said, in the depot's words. `id`: the process that was asked about.
    pub(crate) fn of(failure: Failure, handle: &str, id: &str) -> Self {
        let Failure { kind, message } = failure;
        let handle = handle.to_owned();
        match kind {
            FailureKind::ProcessNotFound => Self::ProcessNotFound {
                handle,
                id: id.to_owned(),
            },
            FailureKind::ProcessExists => Self::ProcessExists {
                handle,
                id: id.to_owned(),
            },
            FailureKind::ExecutableNotFound => Self::ExecutableNotFound { message },
            FailureKind::UnknownUser => Self::UnknownUser { message },
            FailureKind::NotRunning => Self::NotRunning {
                handle,
                reason: message,
            },
            FailureKind::Destroying => Self::Destroying { handle },
            FailureKind::Stream => Self::Stream { message },
            FailureKind::Invalid | FailureKind::Other => Self::Refused { message },
        }
    }
}
