//! A process as it is wanted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Bind, Limits};

/// A process as it is wanted in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpec {
    /// Its name in the container; the engine does not look at it.
    #[serde(default)]
    pub id: String,
    /// The program: a path, or a name looked up in the process's own `PATH`. Also argument 0.
    pub path: String,
    /// Its arguments, without argument 0.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment beside the container's, `K=V`; later ones win.
    #[serde(default)]
    pub env: Vec<String>,
    /// Working directory, made if it is missing; the user's home if absent or empty.
    #[serde(default)]
    pub dir: Option<PathBuf>,
    /// Who: empty for root, else `name`, `uid`, `uid:gid`, `name:group`.
    #[serde(default)]
    pub user: String,
    /// Resource limits, soft and hard alike; what is absent is inherited.
    #[serde(default)]
    pub rlimits: BTreeMap<Resource, u64>,
    /// Present if it wants a terminal.
    #[serde(default)]
    pub terminal: Option<Terminal>,
    /// Present if it wants a root directory of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_root: Option<OwnRoot>,
}

/// A root directory for one process, and with it a mount namespace, a control group and a cgroup
/// namespace. All other namespaces are the container's, and so are its capabilities, its filters
/// and the files that name and address it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRoot {
    /// The root directory on the host: mounted, and owned by the container's users.
    pub rootfs: PathBuf,
    /// Environment of its image, instead of the container's.
    #[serde(default)]
    pub env: Vec<String>,
    /// Directories and files of the host, instead of the container's.
    #[serde(default)]
    pub binds: Vec<Bind>,
    /// What it may use beside the container; `None` shares the container's limits.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Name of its control group: in the container's own, or beside that if it has limits.
    pub cgroup: String,
}

/// Size of a terminal. 0 stands for the default, 80 columns by 24 rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Columns.
    #[serde(default)]
    pub columns: u16,
    /// Rows.
    #[serde(default)]
    pub rows: u16,
}

impl Terminal {
    /// Columns and rows, the defaults put in.
    #[must_use]
    pub fn size(self) -> (u16, u16) {
        let or = |given, default| if given == 0 { default } else { given };
        (or(self.columns, 80), or(self.rows, 24))
    }
}

/// A resource that getrlimit(2) knows, named as Garden does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are getrlimit(2)'s own names")]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Sigpending,
    Stack,
}

/// Every resource with the kernel's number for it, in the form of rustix.
pub const RLIMITS: [(Resource, rustix::process::Resource); 15] = {
    use rustix::process::Resource as Kernel;
    [
        (Resource::As, Kernel::As),
        (Resource::Core, Kernel::Core),
        (Resource::Cpu, Kernel::Cpu),
        (Resource::Data, Kernel::Data),
        (Resource::Fsize, Kernel::Fsize),
        (Resource::Locks, Kernel::Locks),
        (Resource::Memlock, Kernel::Memlock),
        (Resource::Msgqueue, Kernel::Msgqueue),
        (Resource::Nice, Kernel::Nice),
        (Resource::Nofile, Kernel::Nofile),
        (Resource::Nproc, Kernel::Nproc),
        (Resource::Rss, Kernel::Rss),
        (Resource::Rtprio, Kernel::Rtprio),
        (Resource::Sigpending, Kernel::Sigpending),
        (Resource::Stack, Kernel::Stack),
    ]
};
