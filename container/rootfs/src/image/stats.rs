//! How much an image takes.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::project::taken;
use super::{Quota, checked_id};
use crate::driver::Rung;
use crate::store::{Error, Store, io};
use warren_lib_tree::usage;

/// Bytes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Its layers and what was written to it.
    pub total: u64,
    /// What was written to it, as the file system counts; of a copy, all of it.
    pub exclusive: u64,
    /// Its limit and how that is kept.
    pub quota: Quota,
}

impl Store {
    /// Counts what an image takes: the file system knows, where it has project quotas; else the time
    /// depends on the number of files written to it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`].
    pub fn stats(&self, id: &str) -> Result<Stats, Error> {
        let kept = self.kept(checked_id(id)?)?;
        let directory = self.images().join(id);
        let path: PathBuf = match &kept.rung {
            Rung::Overlay | Rung::FuseOverlay => directory.join("upper"),
            Rung::OverlayTmpfs => directory.join("scratch/upper"),
            Rung::OverlayElsewhere(other) => self.elsewhere(other).join(id).join("upper"),
            Rung::Reflink | Rung::Copy => directory.join("rootfs"),
        };
        let opened = File::open(&path).map_err(io("open", &path))?;
        // Quotas may have been turned off since.
        let exclusive = match kept.project.map(|project| taken(opened.as_fd(), project)) {
            Some(Ok(bytes)) => bytes,
            _ => usage(opened.as_fd()).map_err(io("count", &path))?,
        };
        let base = match kept.rung.is_layered() {
            true => kept.base_bytes,
            false => 0,
        };
        Ok(Stats {
            total: base.saturating_add(exclusive),
            exclusive,
            quota: kept.quota,
        })
    }
}
