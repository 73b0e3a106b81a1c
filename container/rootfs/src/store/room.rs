//! No room: what was needed, what there is, what holds it.

use std::error::Error as StdError;
use std::fmt;

use rustix::io::Errno;

use super::work::Work;
use super::{Capacity, Error, LayerInfo, Store};
use crate::image::Damaged;
use crate::layer::Digest;

/// What there is to tell of a store that is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the layer's archive, as it comes, if its source tells.
    pub packed: Option<u64>,
    /// Room of the file system.
    pub capacity: Capacity,
    /// What was removed to make room.
    pub cleared: Cleared,
    /// Layers that are there, and bytes of data in them.
    pub layers: (usize, u64),
    /// Root file systems.
    pub images: usize,
    /// What keeps layers without one.
    pub pins: Vec<String>,
}

/// What came of removing unused layers for want of room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// How many went.
    pub removed: usize,
    /// Why no more did, if something kept them.
    pub failed: Option<String>,
}

/// Whether the file system of the store, or its quota, had no room for more.
pub(crate) fn is_full(error: &Error) -> bool {
    // What a source lacks room for is not for the store to make.
    if matches!(error, Error::Source { .. }) {
        return false;
    }
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<std::io::Error>();
        let errno = io.and_then(Errno::from_io_error);
        let errno = errno.or_else(|| error.downcast_ref::<Errno>().copied());
        if matches!(errno, Some(Errno::NOSPC | Errno::DQUOT)) {
            return true;
        }
        next = error.source();
    }
    false
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(packed) = self.packed {
            write!(f, " (packed: {packed})")?;
        }
        let Capacity {
            total,
            available,
            files,
        } = self.capacity;
        let removed = self.cleared.removed;
        write!(
            f,
            ": {available} of {total} bytes are free after {removed} unused layers were removed"
        )?;
        if files == Some(0) {
            write!(f, ", and no file can be made any more")?;
        }
        if let Some(why) = &self.cleared.failed {
            write!(f, " and no more could be ({why})")?;
        }
        let (count, bytes) = self.layers;
        let images = self.images;
        write!(
            f,
            "; {count} layers hold {bytes} bytes, kept for {images} root file systems"
        )?;
        match self.pins.as_slice() {
            [] => {}
            pins => write!(f, " and the pins {}", pins.join(", "))?,
        }
        let others = total.saturating_sub(available).saturating_sub(bytes);
        write!(
            f,
            ", and all else there {others}. Destroy containers or root file systems, take back pins, \
             or give the file system more room"
        )
    }
}

impl Store {
    /// Does something in the making of a layer; if there is no room for it, tells how much the
    /// layer has taken by then.
    pub(super) fn in_room<T>(
        layer: Digest,
        work: &Work,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        make().map_err(|error| match is_full(&error) {
            true => Error::NoRoom {
                layer,
                written: work.usage().unwrap_or(0),
                room: None,
                source: Box::new(error),
            },
            false => error,
        })
    }

    /// Removes the layers that nothing uses. Where even that fails, the want of room is still what
    /// to tell, and this beside it.
    pub(crate) fn clear(&self) -> Cleared {
        // What is on its way out takes room too.
        self.settle();
        match self.collect() {
            Ok(collected) => Cleared {
                removed: collected.removed.len(),
                failed: collected.damaged.first().map(|image| {
                    let Damaged { id, why } = image;
                    format!("the image {id:?} may use any, destroy it: {why}")
                }),
            },
            Err(error) => Cleared {
                removed: 0,
                failed: Some(warren_lib_errchain::chain(&error)),
            },
        }
    }

    /// A failure for want of room, with what there is to tell of the store; any other as it is.
    pub(crate) fn told_of_room(
        &self,
        error: Error,
        layer: Digest,
        packed: Option<u64>,
        cleared: Cleared,
    ) -> Error {
        if !is_full(&error) {
            return error;
        }
        let room = self.room(packed, cleared).map(Box::new);
        match error {
            Error::NoRoom {
                layer,
                written,
                source,
                ..
            } => Error::NoRoom {
                layer,
                written,
                room,
                source,
            },
            other => Error::NoRoom {
                layer,
                written: 0,
                room,
                source: Box::new(other),
            },
        }
    }

    /// `None` if it cannot be looked at.
    fn room(&self, packed: Option<u64>, cleared: Cleared) -> Option<Room> {
        let layers = self.layers().ok()?;
        let bytes = layers.iter().map(|layer| {
            let json = std::fs::read(self.layer_path(layer).join("layer.json"));
            let info = json.map(|json| serde_json::from_slice::<LayerInfo>(&json));
            info.map_or(0, |info| info.map_or(0, |info| info.bytes))
        });
        let pins = super::pins::names_in(&self.root().join("pins")).ok()?;
        let pins = pins.into_iter().filter_map(|name| name.into_string().ok());
        Some(Room {
            packed,
            capacity: self.capacity().ok()?,
            cleared,
            layers: (layers.len(), bytes.sum()),
            images: self.list_all().ok()?.len(),
            pins: pins.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::io;

    #[test]
    fn want_of_room_is_told_from_other_failures_and_from_that_of_sources() {
        let at = |errno: Errno| io("write", "/f".as_ref())(errno);
        assert!(is_full(&at(Errno::NOSPC)) && is_full(&at(Errno::DQUOT)));
        assert!(!is_full(&at(Errno::IO)));
        let layer = Digest::of(b"");
        let source = Box::new(std::io::Error::from(Errno::NOSPC));
        assert!(!is_full(&Error::Source { layer, source }));
    }
}
