//! The mount table of a process, and lookup of paths in it.
//!
//! `mountinfo` lists every mount reachable from the process's root directory. Several mounts may
//! name the same mount point (stacked), and a mount may be buried below a later one on one of its
//! parent directories. [`MountTable::covering`] therefore walks the mount *tree* the way the
//! kernel's path lookup does, instead of comparing path prefixes.

mod lookup;
mod parse;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// One line of `mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Mount id, unique while the mount exists (reused afterwards).
    pub id: u32,
    /// Id of the mount this one sits on; may be absent from the table (the process's root, or a
    /// mount outside a chroot).
    pub parent: u32,
    /// `st_dev` of files on it.
    pub device: Device,
    /// Directory of the file system that is visible at the mount point. For cgroup file systems it
    /// is relative to the *reader's* cgroup namespace root and may begin with `/..`.
    pub root: PathBuf,
    /// Mount point, relative to the process's root directory.
    pub mount_point: PathBuf,
    /// Options of this mount (`rw`, `nosuid`, `relatime`, ...).
    pub options: MountOptions,
    /// Propagation from the optional fields.
    pub propagation: Propagation,
    /// File system type, with subtype if any (`fuse.sshfs`).
    pub fs_type: OsString,
    /// What was mounted: device, `none`, or any text the mounter chose; may be empty.
    pub source: OsString,
    /// Options of the file system instance, shared by all its mounts.
    pub super_options: MountOptions,
}

impl Mount {
    /// Whether writing fails: the mount or its file system is read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.options.has("ro") || self.super_options.has("ro")
    }

    /// Whether the file system is of this type, without regard to a subtype.
    #[must_use]
    pub fn is_type(&self, fs_type: &str) -> bool {
        self.fs_type.as_bytes() == fs_type.as_bytes()
    }
}

/// Device number of a mount's file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    /// Major number; 0 for file systems without a block device.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// The optional fields of a line: how mount events spread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Propagation {
    /// `shared:N`: peer group.
    pub shared: Option<u32>,
    /// `master:N`: the group it receives from.
    pub master: Option<u32>,
    /// `propagate_from:N`: nearest dominant group visible from this root.
    pub propagate_from: Option<u32>,
    /// `unbindable`.
    pub unbindable: bool,
    /// Fields of newer kernels, verbatim.
    pub unknown: Vec<OsString>,
}

impl Propagation {
    /// Neither shared, nor slave, nor unbindable.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.shared.is_none() && self.master.is_none() && !self.unbindable
    }
}

/// A comma-separated option list, kept in the kernel's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions(Vec<OsString>);

impl MountOptions {
    /// The options, each `key` or `key=value`.
    pub fn iter(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().map(OsString::as_os_str)
    }

    /// Whether `option` is present exactly so.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.0.iter().any(|o| o.as_bytes() == option.as_bytes())
    }

    /// The value of the last `key=value`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&OsStr> {
        self.0.iter().rev().find_map(|o| {
            let rest = o.as_bytes().strip_prefix(key.as_bytes())?;
            Some(OsStr::from_bytes(rest.strip_prefix(b"=")?))
        })
    }
}

/// All mounts a process can reach, in the kernel's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountTable {
    mounts: Vec<Mount>,
}

impl MountTable {
    /// Parses the text of a `mountinfo` file.
    ///
    /// # Errors
    /// The first line that does not have the documented shape.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        Ok(Self {
            mounts: parse::table(text)?,
        })
    }

    /// Reads the table of `process` (`"self"`, `"thread-self"` or a pid) below `proc_root`.
    ///
    /// # Errors
    /// The file cannot be read, or has a line of unknown shape.
    pub fn read(proc_root: &Path, process: &str) -> Result<Self, ReadError> {
        let path = proc_root.join(process).join("mountinfo");
        let text = std::fs::read(&path).map_err(|e| ReadError::Io {
            path: path.clone(),
            source: warren_sys_errno::of(&e),
        })?;
        Self::parse(&text).map_err(|source| ReadError::Parse { path, source })
    }

    /// The mounts, in the kernel's order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Mount> {
        self.mounts.iter()
    }

    /// Mounts of one file system type, reachable or buried.
    pub fn of_type(&self, fs_type: &str) -> impl DoubleEndedIterator<Item = &Mount> {
        self.mounts.iter().filter(move |m| m.is_type(fs_type))
    }

    /// How many mounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mounts.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty()
    }
}

/// Why a table could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read; `ENOENT` if `/proc` is not mounted or the process is gone.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: Errno,
    },
    /// The file has an unexpected shape.
    #[error("cannot understand {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line at fault.
        source: ParseError,
    },
}

/// A line of `mountinfo` that does not have the documented shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mountinfo line {line}: {kind}")]
pub struct ParseError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: ParseErrorKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The line ends before this field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// This field is not a decimal number in range.
    #[error("{0} is not a number")]
    NotANumber(&'static str),
}
