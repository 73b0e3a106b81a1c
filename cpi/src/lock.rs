//! Locks that are files, and go with what they are for; a machine's among them.
//!
//! A machine's lock is for who changes what it has from outside: its settings, its directories. Two disks
//! that are attached at once change the same settings.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use warren_garden_client::Client;

use crate::mounts::missing_is_fine;
use crate::name::is_id;
use crate::place::Places;
use crate::{Error, vm};

/// Opens a file and locks it, waiting for others.
pub(crate) fn take(path: &Path) -> Result<File, Error> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(Error::host("open", path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(Error::errno("lock", path))?;
        let about = file.metadata().map_err(Error::host("look at", path))?;
        // Who had it may have removed it: then it is nobody's lock any more.
        if about.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// A machine's lock; free when dropped.
pub(crate) struct Machine {
    path: PathBuf,
    _file: File,
}

impl Machine {
    /// Takes it; there need not be such a machine any more.
    pub(crate) fn new(places: &Places, cid: &str) -> Result<Self, Error> {
        let directory = places.locks();
        std::fs::create_dir_all(&directory)
            .map_err(Error::host("make the directory", &directory))?;
        let path = directory.join(cid);
        let file = take(&path)?;
        Ok(Self { path, _file: file })
    }

    /// Takes it, if there is such a machine.
    pub(crate) fn expect(places: &Places, garden: &Client, cid: &str) -> Result<Self, Error> {
        if !is_id(cid) {
            return Err(Error::VmNotFound(cid.to_owned()));
        }
        let locked = Self::new(places, cid)?;
        match vm::exists(garden, cid)? {
            true => Ok(locked),
            false => {
                locked.forget()?;
                Err(Error::VmNotFound(cid.to_owned()))
            }
        }
    }

    /// Removes it with its lock, when the machine is gone.
    pub(crate) fn forget(self) -> Result<(), Error> {
        missing_is_fine(std::fs::remove_file(&self.path)).map_err(Error::host("remove", &self.path))
    }
}
