//! Mounts of the host that belong to machines.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount as unmount_once,
};
use warren_sys_mount::MountTable;

use crate::Error;

/// How long a busy mount is tried again: its user may be on its way out.
const BUSY: Duration = Duration::from_secs(60);

/// The mounts there are.
pub(crate) fn table() -> Result<MountTable, Error> {
    MountTable::read(Path::new("/proc"), "thread-self").map_err(|error| Error::Host {
        step: "read the mount table of",
        path: "/proc/thread-self".into(),
        source: std::io::Error::other(warren_lib_errchain::chain(&error)),
    })
}

/// Mount points at `path` and below, the last mounted first.
pub(crate) fn below(table: &MountTable, path: &Path) -> Vec<PathBuf> {
    let points = table.iter().map(|mount| &mount.mount_point);
    let mut found: Vec<PathBuf> = points
        .filter(|point| point.starts_with(path))
        .cloned()
        .collect();
    // What is on top was mounted later, but mounts may be listed in another order than made.
    found.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    found
}

/// Whether something is mounted exactly there.
pub(crate) fn is_mount_point(table: &MountTable, path: &Path) -> bool {
    table.iter().any(|mount| mount.mount_point == path)
}

/// Binds a directory to itself, with this propagation.
pub(crate) fn bind(from: &Path, to: &Path, kind: MountPropagationFlags) -> Result<(), Error> {
    mount_bind(from, to).map_err(Error::errno("bind", to))?;
    mount_change(to, kind).map_err(Error::errno("set the propagation of", to))
}

/// Unmounts all at `path` and below.
pub(crate) fn clear(path: &Path) -> Result<(), Error> {
    // One more round finds what was mounted meanwhile; there is no end of rounds that a living
    // container could need, since it is gone by then.
    for _ in 0..8 {
        let points = below(&table()?, path);
        if points.is_empty() {
            return Ok(());
        }
        for point in points {
            unmount(&point)?;
        }
    }
    Err(Error::InUse {
        what: path.display().to_string(),
        by: "something mounts there again and again".to_owned(),
    })
}

/// Unmounts one; one that is no mount any more is fine.
pub(crate) fn unmount(point: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + BUSY;
    loop {
        match unmount_once(point, UnmountFlags::NOFOLLOW) {
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
            Err(Errno::BUSY) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(errno) => return Err(Error::errno("unmount", point)(errno)),
        }
    }
}

/// Removes a directory of mount points, none of which may still be one: what they show is not ours
/// to remove.
pub(crate) fn remove_mount_points(path: &Path) -> Result<(), Error> {
    for entry in entries(path)? {
        missing_is_fine(std::fs::remove_dir(&entry))
            .map_err(Error::host("remove the mount point", &entry))?;
    }
    missing_is_fine(std::fs::remove_dir(path)).map_err(Error::host("remove the directory", path))
}

/// What is in a directory; nothing in one that is not there.
pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        list => list.map_err(Error::host("list", path))?,
    };
    list.map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(Error::host("list", path))
}

/// What is gone need not be removed.
pub(crate) fn missing_is_fine(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
