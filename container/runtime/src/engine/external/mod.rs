//! Containers made by a program that speaks the OCI runtime command line, such as runc or crun.
//!
//! Only the making is the program's: namespaces, mounts, the first process. All else stays as with
//! the built-in engine, on the same [`Container`](super::Container): groups and device filter are
//! ours and there before the program is called, and limits as soon as init has executed its own. The
//! keeper is the first process's parent, and further processes join its namespaces by our own code.
//! `RUNTIME exec` is not used: it knows neither Garden's users nor a terminal of the container's own,
//! costs a start of the runtime for each process, and would put another parent between the keeper
//! and what it keeps.
//!
//! ```text
//! groups, device filter ─► config.json ─► RUNTIME create ─► adopt ─► (network) ─► RUNTIME start,
//!                                                                                 limits
//!                                           │ in a mount      its pid from the file, a child of
//!                                           │ namespace with  the keeper's as that is the
//!                                           │ our groups only subreaper; groups, namespaces,
//!                                           │ (see `view`)    terminals; `watch`
//! ```
//!
//! On disk, in a directory that the caller names and that goes with the container:
//!
//! ```text
//! DIR/               0700
//!   config.json      0600, the bundle as the program gets it (see `bundle`)
//!   state/           the program's --root
//!   log.json         the program's --log of the last step
//!   pid              the first process's, in the keeper's pid namespace
//! ```

mod adopt;
mod bundle;
mod create;
mod devices;
mod error;
mod forget;
mod log;
mod run;
mod start;
mod view;
mod watch;

use std::path::{Path, PathBuf};

pub use error::ExternalError;
pub use forget::{forget, version};
pub use log::{Messages, messages};

pub(super) use create::create;
pub(super) use start::Waiting;

use crate::spec::ContainerSpec;

/// What the container is called by the runtime, whose directory has no other.
const ID: &str = "container";

/// Where the program finds groups, and where containers do.
const CGROUPS: &str = "/sys/fs/cgroup";

/// A program that makes a container, and the directory that it does it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Its path.
    pub program: PathBuf,
    /// For its state; see the module's head.
    pub directory: PathBuf,
}

impl External {
    /// The runtime that is wanted, if one is; `directory` is made when it is needed.
    #[must_use]
    pub fn of(spec: &ContainerSpec, directory: &Path) -> Option<Self> {
        spec.runtime.clone().map(|program| Self {
            program,
            directory: directory.to_owned(),
        })
    }

    fn config(&self) -> PathBuf {
        self.directory.join("config.json")
    }

    fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log.json")
    }

    fn pid(&self) -> PathBuf {
        self.directory.join("pid")
    }
}
