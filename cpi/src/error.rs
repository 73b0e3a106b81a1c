//! Why a call failed, and what a director makes of it.

use std::path::PathBuf;

use warren_lib_errchain::chain;
use warren_wire_cpi::{CallError, CpiError, ErrorKind};

use crate::ConfigError;

/// A call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not one.
    #[error("{0}")]
    Request(&'static str),
    /// Its method or arguments are not known.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A version of the contract that is not known.
    #[error("Must call implemented method: {method} of API version {version} is not known")]
    Version {
        /// The method.
        method: String,
        /// The version.
        version: u32,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no such machine.
    #[error("Expected to find VM '{0}'")]
    VmNotFound(String),
    /// There is no such disk.
    #[error("Expected to find disk '{0}'")]
    DiskNotFound(String),
    /// The disk is not at that machine.
    #[error("disk '{disk}' is not attached to VM '{vm}'")]
    DiskNotAttached {
        /// The disk.
        disk: String,
        /// The machine.
        vm: String,
    },
    /// Not with containers.
    #[error("{0}")]
    NotSupported(String),
    /// Nothing like it.
    #[error("{0}")]
    NotImplemented(&'static str),
    /// No snapshot of a disk that is attached. Directors go on without a snapshot if a CPI has none at
    /// all, and fail on any other error: stops and deploys must not fail for this.
    #[error(
        "snapshot of the disk {} while it is attached: its file system cannot share blocks of files, \
         so a copy would not be that of one instant; detach it first",
        disk.display()
    )]
    NoSnapshot {
        /// The disk.
        disk: PathBuf,
    },
    /// An argument's value cannot be.
    #[error("{0}")]
    Value(String),
    /// Garden said no, or nothing.
    #[error("{step}")]
    Garden {
        /// What was asked of it.
        step: String,
        /// What it said.
        source: Box<warren_garden_client::Error>,
    },
    /// Something on the host.
    #[error("cannot {step} {}", path.display())]
    Host {
        /// What was done.
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A helper program failed.
    #[error("{program} of {}: {said}", path.display())]
    Program {
        /// Its name.
        program: &'static str,
        /// What it worked on.
        path: PathBuf,
        /// Its end and its words.
        said: String,
    },
    /// Something is in use.
    #[error("{what} is in use: {by}")]
    InUse {
        /// What.
        what: String,
        /// By whom.
        by: String,
    },
    /// The machine was not made, and nothing of it is left unless the text says so.
    #[error("Creating VM with agent ID '{agent}'{remains}")]
    Creation {
        /// The agent.
        agent: String,
        /// What could not be removed; usually empty.
        remains: String,
        /// Why.
        source: Box<Error>,
    },
}

impl Error {
    /// From a step on a path of the host.
    pub(crate) fn host(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Host { step, path, source }
    }

    /// The same from an errno.
    pub(crate) fn errno(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        let path = path.into();
        move |errno| Error::Host {
            step,
            path,
            source: errno.into(),
        }
    }

    /// From a step with Garden; an unknown container is an unknown machine.
    pub(crate) fn garden(
        step: impl Into<String>,
        cid: &str,
    ) -> impl FnOnce(warren_garden_client::Error) -> Self {
        let step = step.into();
        let cid = cid.to_owned();
        move |error| match error.is_unknown_container() {
            true => Error::VmNotFound(cid),
            false => Error::Garden {
                step,
                source: Box::new(error),
            },
        }
    }

    /// What a director may make of it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Request(_) | Error::Config(_) => ErrorKind::CpiError,
            Error::Call(CallError::Unknown { .. })
            | Error::Version { .. }
            | Error::NoSnapshot { .. }
            | Error::NotImplemented(_) => ErrorKind::NotImplemented,
            Error::VmNotFound(_) => ErrorKind::VmNotFound,
            Error::DiskNotFound(_) => ErrorKind::DiskNotFound,
            Error::DiskNotAttached { .. } => ErrorKind::DiskNotAttached,
            Error::NotSupported(_) => ErrorKind::NotSupported,
            Error::Host { source, .. } if is_full(source) => ErrorKind::NoDiskSpace,
            Error::Creation { source, .. } => match source.kind() {
                kind @ (ErrorKind::NotSupported | ErrorKind::NoDiskSpace) => kind,
                _ => ErrorKind::VmCreationFailed,
            },
            Error::Call(_)
            | Error::Value(_)
            | Error::Garden { .. }
            | Error::Host { .. }
            | Error::Program { .. }
            | Error::InUse { .. } => ErrorKind::CloudError,
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use warren_garden_client::Error as Garden;
        use warren_wire_garden::Error as Said;
        match self {
            Error::Creation {
                source, remains, ..
            } => remains.is_empty() && source.may_pass(),
            Error::Garden { source, .. } => match source.as_ref() {
                Garden::Connect { .. } | Garden::Send { .. } | Garden::Receive { .. } => true,
                other => matches!(other.refusal(), Some(Said::ServiceUnavailable(_))),
            },
            _ => false,
        }
    }

    /// What to do about it, behind all causes.
    fn remedy(&self) -> &'static str {
        match self {
            Error::Host { source, .. } if source.kind() == std::io::ErrorKind::FileTooLarge => {
                "; ask for a smaller one"
            }
            Error::Host { source, .. } if is_full(source) => {
                "; make room on that disk, or have the CPI's configuration name a directory on a larger one"
            }
            Error::Creation { source, .. } => source.remedy(),
            _ => "",
        }
    }

    /// As it stands in an answer.
    #[must_use]
    pub fn to_wire(&self) -> CpiError {
        let kind = self.kind();
        CpiError {
            kind: kind.name().to_owned(),
            message: chain(self) + self.remedy(),
            // Stock directors look at it where a machine could not be made, Warren's everywhere.
            ok_to_retry: self.may_pass(),
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge
    )
}
