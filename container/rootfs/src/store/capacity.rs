//! How much room there is.

use super::{Error, Store, io};

/// Room of the store's file system, in bytes and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// All of it.
    pub total: u64,
    /// What we may still write.
    pub available: u64,
    /// How many files we may still make; `None` where there is no such number.
    pub files: Option<u64>,
}

impl Store {
    /// Room of the file system that the store is on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn capacity(&self) -> Result<Capacity, Error> {
        let stat = rustix::fs::statvfs(&self.root).map_err(io("ask for room in", &self.root))?;
        Ok(Capacity {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            files: (stat.f_files > 0).then_some(stat.f_favail),
        })
    }
}
