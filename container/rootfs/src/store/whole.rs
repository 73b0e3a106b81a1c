//! Small files that are whole or not there.
//!
//! They are written beside their place under a name that nobody else takes (`NAME.PID-TIME-COUNT`), and
//! renamed. Whoever writes one holds a lock on it, so that what crashes have left can be told from what
//! is being written: it is no record of anything, and goes at the next collection.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Error, io};

/// Writes a file such that a reader, and whoever comes after a power cut, sees all of it or nothing.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (mut file, temporary) = begin(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let placed = written
        .map_err(io("write", &temporary))
        .and_then(|()| std::fs::rename(&temporary, path).map_err(io("put into place", path)));
    if placed.is_err() {
        // A disk that is full is why this fails; the reason is what matters.
        let _ = std::fs::remove_file(&temporary);
    }
    placed
}

fn begin(path: &Path) -> Result<(File, PathBuf), Error> {
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", crate::unique::name()));
        let temporary = PathBuf::from(name);
        let file = File::create_new(&temporary).map_err(io("make", &temporary))?;
        // A sweep may come between: then it has removed the file, or is about to.
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && temporary.exists() {
            return Ok((file, temporary));
        }
    }
}

/// Removes what crashed processes have left in a directory of such files.
pub(super) fn sweep(directory: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(directory).map_err(io("list", directory))? {
        let entry = entry.map_err(io("list", directory))?;
        if !is_unfinished(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        // One that is gone is in its place by now.
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.map_err(io("remove", &path))?,
            }
        }
    }
    Ok(())
}

/// Whether a file of that name is not, or was never, put into place.
pub(super) fn is_unfinished(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(crate::unique::is_at_the_end_of)
}
