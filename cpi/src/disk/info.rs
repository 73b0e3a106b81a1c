//! What is written down about a disk, and its lock: `DisksDir/.info/CID`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mounts::missing_is_fine;
use crate::place::Places;
use crate::{Error, lock};

/// The most of it that is read.
const MOST: u64 = 1 << 20;

/// What is written down. A disk of a stock CPI has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Info {
    /// Size in MiB.
    pub(crate) mebibytes: u64,
    /// What people should see of it.
    pub(crate) metadata: Map<String, Value>,
}

/// A disk's lock; free when dropped.
pub(crate) struct Locked {
    path: PathBuf,
    file: File,
}

impl Locked {
    /// Takes it, waiting for others.
    pub(crate) fn new(places: &Places, cid: &str) -> Result<Self, Error> {
        let directory = places.disk_infos();
        std::fs::create_dir_all(&directory)
            .map_err(Error::host("make the directory", &directory))?;
        let path = directory.join(cid);
        let file = lock::take(&path)?;
        Ok(Self { path, file })
    }

    /// What is written down; nothing if it cannot be understood, as after a crash.
    pub(crate) fn read(&self) -> Result<Info, Error> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.rewind()
            .and_then(|()| file.take(MOST).read_to_end(&mut bytes))
            .map_err(Error::host("read", &self.path))?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Writes it down.
    pub(crate) fn save(&self, info: &Info) -> Result<(), Error> {
        let bytes = serde_json::to_vec(info)
            .map_err(std::io::Error::from)
            .map_err(Error::host("write", &self.path))?;
        // In place: the file is the lock too.
        let mut file = &self.file;
        file.rewind()
            .and_then(|()| file.write_all(&bytes))
            .and_then(|()| file.set_len(bytes.len() as u64))
            .map_err(Error::host("write", &self.path))
    }

    /// Removes it with its lock, when the disk is gone.
    pub(crate) fn forget(self) -> Result<(), Error> {
        missing_is_fine(std::fs::remove_file(&self.path)).map_err(Error::host("remove", &self.path))
    }
}
