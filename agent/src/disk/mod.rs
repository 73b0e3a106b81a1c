//! Persistent disks.
//!
//! | file | what |
//! |---|---|
//! | `settings.json`, `disks.persistent` | hints of disks, written by the CPI |
//! | `persistent_disk_hints.json` | hints that came as a message, before the settings had them |
//! | `managed_disk_settings.json` | the disk to mount at boot, a bare id: the one at `store` |
//!
//! ```text
//! absent ─ add ─► known ─ mount ─► at store            ─ unmount ─► known ─ remove ─► absent
//!                             └──► at the migration target, if store holds another disk
//!                                      └─ migrate ─► at store
//! ```
//!
//! A hint is a path. A directory is bound; a block device with a file system is mounted. Disks that
//! have to be partitioned or formatted are refused: CPIs for containers bring them ready.

pub mod dynamic;
pub mod hints;
pub mod migrate;
pub mod mount;
pub mod options;

use std::path::{Path, PathBuf};

use rustix::fs::stat;
use warren_sys_mount::MountTable;

use crate::agent::Agent;
use crate::files::{FileError, NotAName};
use crate::process::ToolError;
use crate::settings::SettingsError;

/// A disk could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// Settings.
    #[error("cannot read the settings again")]
    Settings(#[from] SettingsError),
    /// No hint.
    #[error("Persistent disk with volume id '{0}' could not be found")]
    Unknown(String),
    /// A hint that is none of ours.
    #[error("the hint of disk {0} names no path")]
    Hint(String),
    /// Nothing that could be mounted.
    #[error("the disk {cid} at {} is neither a directory nor a block device with a file system; partitioning and formatting are not supported", path.display())]
    Kind {
        /// Which disk.
        cid: String,
        /// Where.
        path: PathBuf,
    },
    /// mount(2) and the like.
    #[error("cannot {step} {}", path.display())]
    Mount {
        /// What was tried.
        step: &'static str,
        /// With which directory.
        path: PathBuf,
        /// Why not.
        source: rustix::io::Errno,
    },
    /// A program.
    #[error("cannot {step}")]
    Tool {
        /// What was tried.
        step: &'static str,
        /// Why not.
        source: ToolError,
    },
    /// Something else where a link belongs.
    #[error("{} is no link to a disk", .0.display())]
    NotALink(PathBuf),
    /// Two disks, neither wanted.
    #[error("{} and {} are both taken", .0.display(), .1.display())]
    BothTaken(PathBuf, PathBuf),
}

/// Whether something is mounted right there.
#[must_use]
pub fn is_mount_point(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let Ok(table) = MountTable::read(Path::new("/proc"), "self") else {
        return false;
    };
    table
        .covering(&path)
        .is_some_and(|mount| mount.mount_point == path)
}

/// Whether the disk with this hint is what is mounted at `place`.
#[must_use]
pub fn is_mounted_at(hint: &Path, place: &Path) -> bool {
    let (Ok(disk), Ok(here)) = (stat(hint), stat(place)) else {
        return false;
    };
    let is_device =
        rustix::fs::FileType::from_raw_mode(disk.st_mode) == rustix::fs::FileType::BlockDevice;
    let same = if is_device {
        disk.st_rdev == here.st_dev
    } else {
        (disk.st_dev, disk.st_ino) == (here.st_dev, here.st_ino)
    };
    same && is_mount_point(place)
}

/// Ids of the disks that are mounted at either place.
///
/// # Errors
/// [`DiskError`].
pub fn mounted(agent: &Agent) -> Result<Vec<String>, DiskError> {
    let places = [agent.paths.store(), agent.paths.migration_target()];
    let mut found = Vec::new();
    for (cid, hint) in hints::all(agent)? {
        if let Ok(path) = hints::path(agent, &cid, &hint)
            && places.iter().any(|place| is_mounted_at(&path, place))
        {
            found.push(cid);
        }
    }
    Ok(found)
}
