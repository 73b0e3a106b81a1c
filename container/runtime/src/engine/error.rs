//! What can go wrong, and how a child tells its parent.

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::external::ExternalError;
use crate::groups::make::MakeError;
use crate::users::LookupError;

/// A step that failed in a child process, told to its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("cannot {step} {object}{}", self.reason())]
pub struct Failure {
    /// What was being done, as a verb.
    pub step: String,
    /// To what.
    pub object: String,
    /// The kernel's answer; 0 if it was not the kernel.
    pub errno: i32,
    /// What else there is to say.
    pub detail: String,
}

impl Failure {
    /// A step that the kernel refused.
    pub(crate) fn new(step: &str, object: impl std::fmt::Display, errno: Errno) -> Self {
        Self {
            step: step.to_owned(),
            object: object.to_string(),
            errno: errno.raw_os_error(),
            detail: String::new(),
        }
    }

    /// A step that failed for the reason of another error.
    pub(crate) fn because(
        step: &str,
        object: impl std::fmt::Display,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut errno = 0;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<Errno>() {
                errno = found.raw_os_error();
            }
            cause = error.source();
        }
        Self {
            step: step.to_owned(),
            object: object.to_string(),
            errno,
            detail: warren_lib_errchain::chain(error),
        }
    }

    /// With a word on what to do.
    pub(crate) fn hint(mut self, detail: &str) -> Self {
        self.detail = detail.to_owned();
        self
    }

    /// The kernel's answer.
    #[must_use]
    pub fn kernel(&self) -> Option<Errno> {
        (self.errno != 0).then(|| Errno::from_raw_os_error(self.errno))
    }

    fn reason(&self) -> String {
        match (self.kernel(), self.detail.as_str()) {
            (None, "") => String::new(),
            (Some(errno), "") => format!(": {errno}"),
            // The detail of an error chain ends with the errno already.
            (Some(errno), detail) if !detail.contains(&errno.to_string()) => {
                format!(": {errno} ({detail})")
            }
            (_, detail) => format!(": {detail}"),
        }
    }
}

/// A container could not be made or started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bundle asks for something that cannot be done.
    #[error("the bundle cannot be carried out: {0}")]
    Bundle(String),
    /// Its groups.
    #[error("cannot make the container's control groups")]
    Groups(#[source] Box<MakeError>),
    /// The external runtime.
    #[error("the external runtime cannot make the container")]
    External(#[source] Box<ExternalError>),
    /// In the calling process.
    #[error("cannot prepare the container")]
    Keeper(#[source] Failure),
    /// No child.
    #[error("cannot make the container's first process")]
    Fork(#[from] warren_sys_process::fork::Error),
    /// In the child that is to be init.
    #[error("cannot set up the container")]
    Init(#[source] Failure),
    /// Init ended without a word.
    #[error("the container's first process died while it was set up")]
    Died,
    /// Init said nothing in time.
    #[error("the container's first process took longer than {0:?}")]
    TimedOut(std::time::Duration),
    /// [`Container::start`](super::Container::start) was called before.
    #[error("the container has been started already")]
    Started,
}

impl From<MakeError> for Error {
    fn from(error: MakeError) -> Self {
        Self::Groups(Box::new(error))
    }
}

impl From<ExternalError> for Error {
    fn from(error: ExternalError) -> Self {
        Self::External(Box::new(error))
    }
}

/// A process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No such program. The text is what clients of Garden look for.
    #[error("exec: {path:?}: executable file not found in $PATH")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// The program may not be executed by this user, or is none.
    #[error("exec: {path:?}")]
    NotExecutable {
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The user or group is not known.
    #[error(transparent)]
    User(#[from] LookupError),
    /// The working directory.
    #[error("cannot use the working directory {path}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: Failure,
    },
    /// A resource limit that is beyond what we may set.
    #[error("cannot set the limit {resource} to {value}")]
    Limit {
        /// Which.
        resource: String,
        /// To what.
        value: u64,
        /// Why.
        #[source]
        source: Errno,
    },
    /// Init has ended, and so has the container.
    #[error("the container is not running")]
    NotRunning,
    /// No child.
    #[error("cannot make a process for the container")]
    Fork(#[source] warren_sys_process::fork::Error),
    /// The groups of a process that has its own.
    #[error("cannot make the process's control groups")]
    Groups(#[source] Box<MakeError>),
    /// Another step.
    #[error("cannot start the process")]
    Step(#[source] Failure),
    /// The process ended before its program was executed.
    #[error("the process died before its program was executed")]
    Died,
    /// It took too long.
    #[error("the process took longer than {0:?} to execute its program")]
    TimedOut(std::time::Duration),
}
