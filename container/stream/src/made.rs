//! Directories that were made here, and what they are to be in the end.
//!
//! Until all is unpacked they are writable for their owner, whatever mode they are to have, and
//! every entry put into them changes their time. A directory that was there before is not in here
//! and is left alone.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, fchmod, fstat, futimens, openat};
use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_OMIT};
use warren_lib_tar::Time;

use crate::beneath::Root;
use crate::error::{Error, Step, failed};

/// Device and inode: a directory is known by them, as its path may lead over symbolic links.
type Id = (u64, u64);

struct Wanted {
    path: Vec<u8>,
    id: Id,
    mode: u32,
    mtime: Option<Time>,
}

/// The directories made so far; parents stand before their children.
pub(crate) struct Made {
    umask: u32,
    wanted: Vec<Wanted>,
    places: HashMap<Id, usize>,
}

impl Made {
    pub(crate) fn new(umask: u32) -> Self {
        Self {
            umask,
            wanted: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// A directory that entries needed but that had none of its own so far.
    pub(crate) fn implied(&mut self, path: &[u8], directory: &OwnedFd) -> Result<(), Error> {
        self.add(path, directory, 0o777, None)
    }

    /// A directory made for its entry.
    pub(crate) fn entry(
        &mut self,
        path: &[u8],
        directory: &OwnedFd,
        mode: u32,
        mtime: Time,
    ) -> Result<(), Error> {
        self.add(path, directory, mode, Some(mtime))
    }

    fn add(
        &mut self,
        path: &[u8],
        directory: &OwnedFd,
        mode: u32,
        mtime: Option<Time>,
    ) -> Result<(), Error> {
        let id = id(directory).map_err(failed(Step::Read, path))?;
        // One that was removed may have left its number to this one.
        self.places.insert(id, self.wanted.len());
        self.wanted.push(Wanted {
            path: path.to_vec(),
            id,
            mode: mode & 0o777 & !self.umask,
            mtime,
        });
        Ok(())
    }

    /// An entry for a directory that is there; `false` when it was not made here.
    pub(crate) fn again(&mut self, id: Id, mode: u32, mtime: Time) -> bool {
        let mode = mode & 0o777 & !self.umask;
        let known = self.places.get(&id);
        match known.and_then(|place| self.wanted.get_mut(*place)) {
            Some(wanted) => {
                (wanted.mode, wanted.mtime) = (mode, Some(mtime));
                true
            }
            None => false,
        }
    }

    /// Gives all their modes and times, children first, so that a parent may end up closed.
    pub(crate) fn finish(self, root: &Root<'_>) -> Result<(), Error> {
        for wanted in self.wanted.into_iter().rev() {
            let path = wanted.path.as_slice();
            // Something else may have taken its place since.
            let Ok(found) = root.find(path) else { continue };
            if id(&found).ok() != Some(wanted.id) {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = openat(found.as_fd(), ".", flags, Mode::empty())
                .map_err(failed(Step::Resolve, path))?;
            if let Some(mtime) = wanted.mtime {
                futimens(&directory, &times(mtime)).map_err(failed(Step::SetTime, path))?;
            }
            fchmod(&directory, Mode::from_raw_mode(wanted.mode))
                .map_err(failed(Step::ChangeMode, path))?;
        }
        Ok(())
    }
}

fn id(directory: &OwnedFd) -> Result<Id, rustix::io::Errno> {
    fstat(directory).map(|stat| (stat.st_dev, stat.st_ino))
}

/// The time of last change; that of last use stays.
pub(crate) fn times(time: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        },
    }
}
