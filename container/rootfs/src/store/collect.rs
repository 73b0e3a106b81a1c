//! Garbage collection: layers that nothing uses go.

use std::collections::HashSet;

use super::lock::Lock;
use super::{Error, Store, io};
use crate::layer::Digest;

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Layers removed.
    pub removed: Vec<Digest>,
    /// Layers that no image or pin names but somebody is about to use.
    pub leased: Vec<Digest>,
    /// Layers in use.
    pub used: usize,
}

impl Store {
    /// Removes the layers that no image, pin or lease holds. Never waits for anybody.
    ///
    /// # Errors
    /// [`Error::Io`]; what was found until then is removed.
    pub fn collect(&self) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let used = self.used()?;
        // What is made of others' layers goes as these would.
        let mut all = self.layers()?;
        all.extend(self.listed("merged")?);
        all.sort();
        all.dedup();
        for layer in all {
            if used.contains(&layer) {
                collected.used += 1;
                continue;
            }
            let path = self.lock_path("layer", &layer.hex());
            let Some(lock) = Lock::attempt(&path).map_err(io("lock", &path))? else {
                collected.leased.push(layer);
                continue;
            };
            // Nor may it go between its making and the maker's lease.
            let making_path = self.lock_path("making", &layer.hex());
            let making = Lock::attempt(&making_path).map_err(io("lock", &making_path))?;
            let Some(making) = making else {
                collected.leased.push(layer);
                continue;
            };
            // Whoever had a lease has by now written its image, or given up.
            if self.used()?.contains(&layer) {
                collected.used += 1;
                continue;
            }
            self.discard(&self.layer_path(&layer))?;
            self.discard(&self.root.join("merged").join(layer.hex()))?;
            lock.retire().map_err(io("remove", &path))?;
            making.retire().map_err(io("remove", &making_path))?;
            collected.removed.push(layer);
        }
        Ok(collected)
    }

    /// All layers of the store.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn layers(&self) -> Result<Vec<Digest>, Error> {
        self.listed("layers")
    }

    fn listed(&self, name: &str) -> Result<Vec<Digest>, Error> {
        let path = self.root.join(name);
        let mut layers = Vec::new();
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(layers),
            entries => entries.map_err(io("list", &path))?,
        };
        for entry in entries {
            let name = entry.map_err(io("list", &path))?.file_name();
            layers.extend(name.to_str().and_then(|name| Digest::from_hex(name).ok()));
        }
        layers.sort();
        Ok(layers)
    }

    fn used(&self) -> Result<HashSet<Digest>, Error> {
        let mut used = self.pinned()?;
        used.extend(self.layers_of_images()?);
        Ok(used)
    }
}
