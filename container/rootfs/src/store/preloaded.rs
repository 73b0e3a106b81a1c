//! Images of registries whose layers were put here beforehand: what their names stand for.
//!
//! ```text
//! preloaded/DIGITS   SHA-256 of the name and the platform; JSON: see `Preloaded`
//! ```
//!
//! What stands for an image whose layers have gone is forgotten with them: that they come back for
//! somebody else does not make them anybody's who knows the name.
//!
//! A name with a digest always stands for the same image. One with a tag stands for what it did when
//! the image was put here, and the registry may know better.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::lock::{Hold, Lock};
use super::{Error, Store, io, write_whole};
use crate::layer::Digest;
use crate::source::{Config, Platform};

/// An image that was put into a store under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preloaded {
    /// The name, in one spelling.
    pub name: String,
    /// Operating system and processor.
    pub platform: String,
    /// Its layers, lowest first.
    pub layers: Vec<PreloadedLayer>,
    /// What it says about its processes.
    pub config: Config,
}

/// A layer of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreloadedLayer {
    /// SHA-256 of the uncompressed archive.
    pub diff_id: Digest,
    /// SHA-256 of what it was unpacked from.
    pub blob: Option<Digest>,
    /// Bytes of that.
    pub size: Option<u64>,
}

impl Store {
    /// Writes down what a name stands for.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remember(&self, image: &Preloaded) -> Result<(), Error> {
        let directory = self.root.join("preloaded");
        std::fs::create_dir_all(&directory).map_err(io("make", &directory))?;
        let path = directory.join(key(&image.name, &image.platform));
        let json = serde_json::to_vec_pretty(image).map_err(|source| Error::Damaged {
            path: path.clone(),
            source: source.into(),
        })?;
        let lock = self.lock_path("store", "preloaded");
        let _lock = Lock::wait(&lock, Hold::Exclusive).map_err(io("lock", &lock))?;
        write_whole(&path, &json)
    }

    /// Whether what is written down there has all its layers. What cannot be understood has none.
    pub(super) fn is_all_here(&self, path: &Path) -> bool {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).is_ok_and(|image: Preloaded| {
                let is_here = |layer: &PreloadedLayer| self.has(&layer.diff_id);
                image.layers.iter().all(is_here)
            }),
            // Gone meanwhile, or not to be judged now.
            Err(_) => true,
        }
    }

    /// What a name stands for, if all layers of that are here.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Damaged`].
    pub fn recall(&self, name: &str, platform: &Platform) -> Result<Option<Preloaded>, Error> {
        let platform = platform.to_string();
        let path = self.root.join("preloaded").join(key(name, &platform));
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io("read", &path))?,
        };
        let image: Preloaded = serde_json::from_slice(&bytes).map_err(|source| Error::Damaged {
            path: path.clone(),
            source: source.into(),
        })?;
        let is_here = |layer: &PreloadedLayer| self.has(&layer.diff_id);
        let is_it = image.name == name && image.platform == platform;
        Ok(Some(image).filter(|image| is_it && image.layers.iter().all(is_here)))
    }
}

fn key(name: &str, platform: &str) -> String {
    Digest::of(format!("{name}\0{platform}").as_bytes()).hex()
}
