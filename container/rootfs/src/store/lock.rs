//! Locks between processes: flock(2) on files of `locks/`.
//!
//! The kernel gives a lock back when its holder ends, however it ends. A lock's file may be removed
//! by whoever holds it alone; whoever waited for it notices that its file is no longer the one of
//! that name, and starts over.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// A lock held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// Whether others may hold it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Shared,
    Exclusive,
}

impl Lock {
    /// Waits for the lock.
    pub(crate) fn wait(path: &Path, hold: Hold) -> std::io::Result<Self> {
        let operation = match hold {
            Hold::Shared => FlockOperation::LockShared,
            Hold::Exclusive => FlockOperation::LockExclusive,
        };
        loop {
            if let Some(lock) = Self::take(path, operation)? {
                return Ok(lock);
            }
        }
    }

    /// The lock for oneself alone, or `None` if somebody has it.
    pub(crate) fn attempt(path: &Path) -> std::io::Result<Option<Self>> {
        loop {
            match Self::take(path, FlockOperation::NonBlockingLockExclusive) {
                Ok(Some(lock)) => return Ok(Some(lock)),
                Ok(None) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// `None`: the file was removed meanwhile.
    fn take(path: &Path, operation: FlockOperation) -> std::io::Result<Option<Self>> {
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        loop {
            match flock(&file, operation) {
                Err(Errno::INTR) => {}
                done => break done?,
            }
        }
        let held = file.metadata()?;
        let is_same = std::fs::metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino()));
        let path = path.to_owned();
        Ok(is_same.then_some(Self { file, path }))
    }

    /// Removes the lock's file; only for who holds it alone.
    pub(crate) fn retire(self) -> std::io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Drop for Lock {
    /// Unlocked rather than only closed: a child that another thread has just forked still has the
    /// file open until it executes something else.
    fn drop(&mut self) {
        // Fails only for a descriptor that is none.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}
