//! Layers of other stores, used where they are: a store inside a container need not unpack again
//! what the one outside has.
//!
//! ```text
//! DIR/layers/    of the other store; each of the three may be mounted read-only, and nothing else
//! DIR/pins/      of it need be seen
//! DIR/sources/
//! ```
//!
//! Only a layer that a pin of the other store names is used: the pin is the promise that it stays,
//! whatever is cleaned there and whoever is killed. Who gives the promise takes it back only when
//! nothing here uses the layer any more, for instance when the container around this store is gone.
//! Marks of hidden entries may have another form there and cannot be made anew, so a layer that hides
//! something is unpacked here all the same.

use std::path::{Path, PathBuf};

use super::pins::pinned_in;
use super::{Error, Lease, Store, io};
use crate::layer::{Digest, Hidden};

/// Another store's layers.
#[derive(Debug)]
pub(super) struct Shared {
    root: PathBuf,
}

impl Shared {
    /// Looks whether they are there.
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let missing = |source| Error::Shared {
            path: root.to_owned(),
            source,
        };
        for name in ["layers", "pins", "sources"] {
            std::fs::read_dir(root.join(name)).map_err(missing)?;
        }
        let root = root.canonicalize().map_err(missing)?;
        Ok(Self { root })
    }

    /// Where a layer is that may be used.
    fn layer(&self, layer: &Digest) -> Result<Option<PathBuf>, Error> {
        if !pinned_in(&self.root.join("pins"))?.contains(layer) {
            return Ok(None);
        }
        let directory = self.root.join("layers").join(layer.hex());
        let gone = |source| Error::SharedGone {
            layer: *layer,
            path: self.root.clone(),
            source,
        };
        let hidden = std::fs::read(directory.join("hidden")).map_err(gone)?;
        let hidden = Hidden::from_bytes(&hidden).map_err(|source| Error::Damaged {
            path: directory.join("hidden"),
            source: source.into(),
        })?;
        Ok(hidden.is_empty().then_some(directory))
    }

    /// The layer that a source is there.
    fn source(&self, source: &Digest) -> Result<Option<Digest>, Error> {
        known_in(&self.root.join("sources").join(source.hex()))
    }
}

impl Store {
    /// A lease on a layer of another store. The lock is this store's: what is kept here of the
    /// layer goes by it.
    pub(super) fn lease_shared(&self, layer: Digest) -> Result<Option<Lease>, Error> {
        for shared in &self.shared {
            if let Some(directory) = shared.layer(&layer)? {
                let own = self.root.join("merged").join(layer.hex());
                return self.leased(layer, directory, own).map(Some);
            }
        }
        Ok(None)
    }

    /// The layer that a source is in another store.
    pub(super) fn source_shared(&self, source: &Digest) -> Result<Option<Lease>, Error> {
        for shared in &self.shared {
            if let Some(layer) = shared.source(source)?
                && let Some(lease) = self.lease(layer)?
            {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    /// Whether a layer need not be unpacked.
    pub(crate) fn has(&self, layer: &Digest) -> bool {
        // What cannot be looked at is found out when it is leased.
        let is_shared = |shared: &Shared| matches!(shared.layer(layer), Ok(Some(_)));
        self.layer_path(layer).exists() || self.shared.iter().any(is_shared)
    }

    /// The same of a source.
    pub(crate) fn has_source(&self, source: &Digest) -> bool {
        let is_shared =
            |shared: &Shared| matches!(shared.source(source), Ok(Some(layer)) if self.has(&layer));
        self.source_path(source).exists() || self.shared.iter().any(is_shared)
    }
}

/// The layer that a file of `sources/` names, if there is that file.
pub(super) fn known_in(path: &Path) -> Result<Option<Digest>, Error> {
    let digits = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(io("read", path))?,
    };
    let layer = Digest::from_hex(&digits).map_err(|source| Error::Damaged {
        path: path.to_owned(),
        source: source.into(),
    })?;
    Ok(Some(layer))
}
