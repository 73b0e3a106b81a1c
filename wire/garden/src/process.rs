//! What a process in a container is to be.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::container::{BindMount, ImageRef};
use crate::limits::ProcessLimits;
use crate::number::{is_zero, open_number};
use crate::redact::Hidden;

/// A process to run. Only `path` is needed.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessSpec {
    /// Its id; empty lets the server make one.
    #[serde(skip_serializing_if = "is_zero")]
    pub id: String,
    /// The executable, searched on the resulting `PATH`.
    #[serde(skip_serializing_if = "is_zero")]
    pub path: String,
    /// Arguments, without the program's own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// `KEY=value`, the last of a key wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Working directory; made when missing. Empty means the home directory.
    #[serde(skip_serializing_if = "is_zero")]
    pub dir: String,
    /// `""`, `name`, `uid`, `uid:gid` or `name:group`.
    #[serde(skip_serializing_if = "is_zero")]
    pub user: String,
    /// Classic resource limits. Always written.
    #[serde(rename = "rlimits")]
    pub rlimits: ResourceLimits,
    /// Limits apart from the container's; for a process with its own image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ProcessLimits>,
    /// Presence asks for a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<TtySpec>,
    /// A root file system of its own. Always written; see
    /// [`ProcessSpec::has_own_image`].
    pub image: ImageRef,
    /// Host paths to show; for a process with its own image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bind_mounts: Vec<BindMount>,
}

impl ProcessSpec {
    /// Whether the process has its own root file system (upstream calls it a
    /// pea). Clients always send `image`, so it is its content that tells.
    #[must_use]
    pub fn has_own_image(&self) -> bool {
        !self.image.is_empty()
    }
}

impl fmt::Debug for ProcessSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessSpec")
            .field("id", &self.id)
            .field("path", &self.path)
            .field("args", &Hidden(self.args.len()))
            .field("env", &Hidden(self.env.len()))
            .field("dir", &self.dir)
            .field("user", &self.user)
            .field("rlimits", &self.rlimits)
            .field("limits", &self.limits)
            .field("tty", &self.tty)
            .field("image", &self.image)
            .field("bind_mounts", &self.bind_mounts)
            .finish()
    }
}

/// `setrlimit(2)` values, soft and hard alike; absent keeps the server's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceLimits {
    /// `RLIMIT_AS`, bytes.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub address_space: Option<u64>,
    /// `RLIMIT_CORE`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<u64>,
    /// `RLIMIT_CPU`, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// `RLIMIT_DATA`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<u64>,
    /// `RLIMIT_FSIZE`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsize: Option<u64>,
    /// `RLIMIT_LOCKS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locks: Option<u64>,
    /// `RLIMIT_MEMLOCK`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memlock: Option<u64>,
    /// `RLIMIT_MSGQUEUE`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgqueue: Option<u64>,
    /// `RLIMIT_NICE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<u64>,
    /// `RLIMIT_NOFILE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nofile: Option<u64>,
    /// `RLIMIT_NPROC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nproc: Option<u64>,
    /// `RLIMIT_RSS`, bytes; without effect on Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss: Option<u64>,
    /// `RLIMIT_RTPRIO`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtprio: Option<u64>,
    /// `RLIMIT_SIGPENDING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigpending: Option<u64>,
    /// `RLIMIT_STACK`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<u64>,
}

/// A terminal, or a change of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TtySpec {
    /// Its size; absent keeps the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_size: Option<WindowSize>,
}

impl TtySpec {
    /// The size to set, with the default in place of what was not said.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.window_size.unwrap_or_default().to_columns_and_rows()
    }
}

/// Size of a terminal, in characters. The wire allows any integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowSize {
    /// Width; 0 means the default.
    #[serde(skip_serializing_if = "is_zero")]
    pub columns: i64,
    /// Height; 0 means the default.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows: i64,
}

impl WindowSize {
    /// Width of a terminal of which nothing is said.
    pub const DEFAULT_COLUMNS: u16 = 80;
    /// Height of a terminal of which nothing is said.
    pub const DEFAULT_ROWS: u16 = 24;

    /// Columns and rows as a terminal takes them: what is not positive becomes
    /// the default, what is too large the largest.
    #[must_use]
    pub fn to_columns_and_rows(self) -> (u16, u16) {
        let fit = |value: i64, default: u16| {
            if value <= 0 {
                default
            } else {
                u16::try_from(value).unwrap_or(u16::MAX)
            }
        };
        (
            fit(self.columns, Self::DEFAULT_COLUMNS),
            fit(self.rows, Self::DEFAULT_ROWS),
        )
    }
}

open_number! {
    /// A signal to a process. These are not Unix signal numbers.
    Signal(i64) {
        /// `SIGTERM`.
        TERMINATE = 0,
        /// `SIGKILL`.
        KILL = 1,
    }
}
