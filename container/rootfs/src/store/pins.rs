//! Layers that are kept without an image, such as preloaded ones.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;

use super::whole::is_unfinished;
use super::{Error, Lease, Store, io, write_whole};
use crate::layer::Digest;

impl Store {
    /// Keeps these layers under a name, instead of those it kept before.
    ///
    /// # Errors
    /// [`Error::InvalidId`] and [`Error::Io`].
    pub fn pin(&self, name: &str, layers: &[Lease]) -> Result<(), Error> {
        let lines = layers.iter().map(|lease| lease.layer().hex() + "\n");
        let path = self.root.join("pins").join(crate::image::checked_id(name)?);
        // It would be taken for one that is not whole, and removed.
        if is_unfinished(name.as_ref()) {
            let id = name.to_owned();
            return Err(Error::InvalidId { id });
        }
        write_whole(&path, lines.collect::<String>().as_bytes())
    }

    /// Keeps them no longer; `false` if there is no pin of that name.
    ///
    /// # Errors
    /// [`Error::InvalidId`] and [`Error::Io`].
    pub fn unpin(&self, name: &str) -> Result<bool, Error> {
        let path = self.root.join("pins").join(crate::image::checked_id(name)?);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io("remove", &path)(error)),
        }
    }

    /// All layers that pins name. What is no digest is left alone: it can be no layer.
    pub(super) fn pinned(&self) -> Result<HashSet<Digest>, Error> {
        pinned_in(&self.root.join("pins"))
    }
}

/// The same of any store, by its directory of pins.
pub(super) fn pinned_in(pins: &Path) -> Result<HashSet<Digest>, Error> {
    let mut all = HashSet::new();
    for name in names_in(pins)? {
        let path = pins.join(name);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            text => text.map_err(io("read", &path))?,
        };
        all.extend(text.lines().filter_map(|line| Digest::from_hex(line).ok()));
    }
    Ok(all)
}

/// The names of its pins, without those that are being written or that a crash has left half written.
pub(super) fn names_in(pins: &Path) -> Result<Vec<OsString>, Error> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(pins).map_err(io("list", pins))? {
        let name = entry.map_err(io("list", pins))?.file_name();
        if !is_unfinished(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
