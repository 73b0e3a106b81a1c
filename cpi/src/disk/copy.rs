//! Copies of disks, for snapshots.
//!
//! Where files can share their blocks a copy is that of one instant. Elsewhere it takes time; the
//! disk must not be in use then.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{ioctl_ficlone, open, syncfs};

use super::file::program;
use crate::Error;

/// Copies a disk that is in use, mounted at `point`, or not.
pub(crate) fn copy(from: &Path, to: &Path, point: Option<&Path>) -> Result<(), Error> {
    if let Some(point) = point {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(point, flags, Mode::empty()).map_err(Error::errno("open", point))?;
        syncfs(&directory).map_err(Error::errno("sync", point))?;
    }
    if from.is_file() && is_cloned(from, to)? {
        return Ok(());
    }
    if point.is_some() {
        return Err(Error::NoSnapshot {
            disk: from.to_owned(),
        });
    }
    let options = [
        "-a",
        "--reflink=auto",
        "--sparse=always",
        "--no-target-directory",
    ];
    program("cp", &options, from, &[to], &[0])
}

/// Whether the file could be had without copying.
fn is_cloned(from: &Path, to: &Path) -> Result<bool, Error> {
    let source = File::open(from).map_err(Error::host("open the disk", from))?;
    let target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to);
    let target = target.map_err(Error::host("make the snapshot", to))?;
    if ioctl_ficlone(&target, &source).is_ok() {
        return Ok(true);
    }
    std::fs::remove_file(to).map_err(Error::host("remove", to))?;
    Ok(false)
}
