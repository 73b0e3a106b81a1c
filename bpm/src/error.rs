//! What can go wrong, with the texts that operators know from the stock tool.

use std::path::PathBuf;

use warren_container_runtime::engine;
use warren_container_runtime::groups::{DestroyError, PlaceError};

/// A verb did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not root.
    #[error("bpm must be run as root. Please run 'sudo -i' to become the root user.")]
    NotRoot,
    /// A variable of the machine's that is no time.
    #[error("{variable} must be a whole number of seconds, at most {most}, not {got:?}")]
    Seconds {
        /// Which.
        variable: &'static str,
        /// The longest.
        most: u64,
        /// As it is set.
        got: String,
    },
    /// No job was named.
    #[error("must specify a job")]
    NoJob,
    /// A name that cannot be part of a path.
    #[error("{what} {name:?} cannot be the name of a file")]
    Name {
        /// `job` or `process`.
        what: &'static str,
        /// As it was given.
        name: String,
    },
    /// The configuration.
    #[error("failed to parse job configuration")]
    Configuration(#[source] Step),
    /// The file names no such process.
    #[error("process {process:?} not present in job configuration ({})", file.display())]
    NoProcess {
        /// Which.
        process: String,
        /// The file.
        file: PathBuf,
    },
    /// Before anything was done.
    #[error("failed to prepare")]
    Prepare(#[source] Step),
    /// What an earlier attempt left.
    #[error("failed to clean up stale job-process")]
    Stale(#[source] Step),
    /// Starting.
    #[error("failed to start job-process")]
    Start(#[source] Step),
    /// Stopping.
    #[error("failed to stop job-process")]
    Stop(#[source] Step),
    /// Removing what was stopped.
    #[error("failed to cleanup job-process")]
    Cleanup(#[source] Step),
    /// `run` of a process that is running.
    #[error("process {0} is already running, so nothing was run; stop it first")]
    Running(String),
    /// No such process runs.
    #[error("process is not running or could not be found")]
    NotRunning,
    /// No log yet.
    #[error("logs not found")]
    NoLogs,
    /// A program or a shell in a container.
    #[error("failed to run {what}")]
    Program {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: Step,
    },
    /// A volume on the command line.
    #[error(transparent)]
    Volume(#[from] warren_wire_bpm::volume::VolumeError),
    /// A variable on the command line.
    #[error("invalid environment variable definition (format: KEY=VALUE): {0}")]
    Variable(String),
    /// Listing.
    #[error("failed to list jobs")]
    List(#[source] Step),
}

/// A step of a verb.
#[derive(Debug, thiserror::Error)]
pub enum Step {
    /// A file or directory.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was done, as a verb.
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A log that is a link.
    #[error("refusing to open symlink at {}", .0.display())]
    Symlink(PathBuf),
    /// A link on the way to a directory of a job that somebody other than root has put there.
    #[error(
        "{} is a symbolic link of user {owner}: refusing to change what it leads to", path.display()
    )]
    ForeignLink {
        /// The link.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// `bpm.yml`.
    #[error("{}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: warren_wire_bpm::ParseError,
    },
    /// What it says.
    #[error(transparent)]
    Invalid(#[from] warren_wire_bpm::Invalid),
    /// What it calls a process.
    #[error(transparent)]
    Name(Box<Error>),
    /// A limit.
    #[error(transparent)]
    Quantity(#[from] warren_wire_bpm::quantity::NoQuantity),
    /// The job wants a disk that there is not.
    #[error("failed to create system files: requested persistent disk does not exist")]
    NoPersistentDisk,
    /// The user `vcap`.
    #[error("cannot find the user {0:?} of the machine")]
    User(
        &'static str,
        #[source] warren_container_runtime::users::LookupError,
    ),
    /// Facts about the machine.
    #[error("cannot find out what the machine allows")]
    Host(#[source] Box<warren_container_runtime::host::HostError>),
    /// Mounts.
    #[error("cannot read the table of mounts")]
    Mounts(#[source] Box<warren_sys_mount::ReadError>),
    /// The hook.
    #[error("prestart hook failed: {0}")]
    Hook(String),
    /// The control groups.
    #[error("cannot use the control group that bpm was started in")]
    Place(#[source] Box<PlaceError>),
    /// One of them.
    #[error("cannot make room for processes' control groups")]
    Group(#[source] Box<warren_sys_cgroup::Error>),
    /// systemd and the unit that a process's groups are to be in.
    #[error("cannot {step} the unit {unit}; where systemd is not pid 1, {remedy}")]
    Systemd {
        /// What was done, as a verb.
        step: &'static str,
        /// Which.
        unit: String,
        /// What else can be done.
        remedy: &'static str,
        /// Why not.
        source: Box<warren_sys_systemd::Error>,
    },
    /// The engine.
    #[error(transparent)]
    Engine(Box<engine::Error>),
    /// A process inside.
    #[error(transparent)]
    Spawn(Box<engine::SpawnError>),
    /// What it left.
    #[error(transparent)]
    Destroy(Box<DestroyError>),
    /// Of its own processes.
    #[error("{0} processes of it are still there")]
    Left(usize),
    /// The kernel, without a file.
    #[error("cannot {0}")]
    Kernel(&'static str, #[source] rustix::io::Errno),
    /// Something this executable cannot do.
    #[error("{0}")]
    Unsupported(String),
}

/// Boxed, so that no result of a step is large.
macro_rules! boxed {
    ($($variant:ident($error:ty)),* $(,)?) => {
        $(impl From<$error> for Step {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })*
    };
}

boxed!(
    Destroy(DestroyError),
    Engine(engine::Error),
    Group(warren_sys_cgroup::Error),
    Host(warren_container_runtime::host::HostError),
    Mounts(warren_sys_mount::ReadError),
    Place(PlaceError),
    Spawn(engine::SpawnError),
);

impl Step {
    /// A step with a file.
    pub(crate) fn file(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }

    /// A step with a unit of systemd's.
    pub(crate) fn systemd(
        step: &'static str,
        unit: &str,
        source: warren_sys_systemd::Error,
    ) -> Self {
        Self::Systemd {
            step,
            unit: unit.to_owned(),
            remedy: crate::scope::REMEDY,
            source: Box::new(source),
        }
    }

    /// The same with the kernel's own error.
    pub(crate) fn errno(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        let path = path.into();
        move |errno| Self::File {
            step,
            path,
            source: errno.into(),
        }
    }
}
