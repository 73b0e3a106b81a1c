//! Directories for what is being made.
//!
//! Whoever makes something holds a lock on the directory itself, so that a sweep can tell what is
//! in the making from what was left by a crash.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;

/// A directory below `tmp/`, removed on drop unless it was moved away.
#[derive(Debug)]
pub(crate) struct Work {
    path: PathBuf,
    /// Holds the lock.
    directory: File,
}

impl Work {
    pub(crate) fn new(tmp: &Path) -> std::io::Result<Self> {
        loop {
            let path = tmp.join(crate::unique::name());
            std::fs::create_dir(&path)?;
            // A sweep may come between: then it has removed the directory, or is about to.
            let Ok(directory) = File::open(&path) else {
                continue;
            };
            if flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok() && path.exists()
            {
                return Ok(Self { path, directory });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are in it by now.
    pub(crate) fn usage(&self) -> Result<u64, Errno> {
        warren_lib_tree::usage(self.directory.as_fd())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed now is met by the next sweep.
        let _ = remove(&self.path);
    }
}

/// Removes a tree; one that is gone is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Errno> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL);
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(CWD, parent, flags, Mode::empty()) {
        Err(Errno::NOENT) => Ok(()),
        parent => warren_lib_tree::remove(parent?.as_fd(), name.as_bytes()),
    }
}

/// Removes what crashed processes left in `tmp/`; answers how many.
pub(crate) fn sweep(tmp: &Path) -> std::io::Result<usize> {
    let mut swept = 0;
    for entry in std::fs::read_dir(tmp)? {
        let path = entry?.path();
        let Ok(directory) = File::open(&path) else {
            continue;
        };
        if flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok() && path.exists() {
            remove(&path)?;
            swept += 1;
        }
    }
    Ok(swept)
}
