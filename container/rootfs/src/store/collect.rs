//! Garbage collection: layers that nothing uses go, and with them what is only known of them.

use std::collections::HashSet;
use std::time::SystemTime;

use super::lock::Lock;
use super::{Error, Store, io};
use crate::image::Damaged;
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
    /// Layers that nothing is known to use, kept because of `damaged`.
    pub kept: usize,
    /// Images of which it cannot be told what layers they use. As long as there is one, any layer
    /// may be its, so none is removed: destroying it is what helps.
    pub damaged: Vec<Damaged>,
}

/// What keeps layers.
struct Used {
    layers: HashSet<Digest>,
    damaged: Vec<Damaged>,
}

impl Store {
    /// Removes the layers that no image, pin or lease holds, the oldest first, and what was left of
    /// those that went. Never waits for anybody.
    ///
    /// # Errors
    /// [`Error::Io`]; what was found until then is removed.
    pub fn collect(&self) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let used = self.used()?;
        collected.damaged = used.damaged;
        for layer in self.oldest_first()? {
            if used.layers.contains(&layer) {
                collected.used += 1;
                continue;
            }
            if !collected.damaged.is_empty() {
                collected.kept += 1;
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
            let used = self.used()?;
            if used.layers.contains(&layer) {
                collected.used += 1;
                continue;
            }
            if !used.damaged.is_empty() {
                collected.damaged = used.damaged;
                collected.kept += 1;
                continue;
            }
            let digits = layer.hex();
            self.discard(&self.layer_path(&layer), &digits)?;
            self.discard(&self.root.join("merged").join(&digits), &digits)?;
            lock.retire().map_err(io("remove", &path))?;
            making.retire().map_err(io("remove", &making_path))?;
            collected.removed.push(layer);
        }
        self.forget_gone()?;
        Ok(collected)
    }

    /// All layers, and what is made of others' layers, which goes as these would.
    fn oldest_first(&self) -> Result<Vec<Digest>, Error> {
        let mut all = self.layers()?;
        all.extend(self.listed("merged")?);
        all.sort();
        all.dedup();
        // When it was made; copies for other owners are put into it later.
        let changed = |layer: &Digest| {
            let meta = std::fs::metadata(self.layer_path(layer));
            let time = meta.and_then(|meta| meta.modified());
            time.unwrap_or(SystemTime::UNIX_EPOCH)
        };
        all.sort_by_cached_key(changed);
        Ok(all)
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

    fn used(&self) -> Result<Used, Error> {
        let (mut layers, damaged) = self.layers_of_images()?;
        layers.extend(self.pinned()?);
        Ok(Used { layers, damaged })
    }
}
