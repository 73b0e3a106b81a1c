//! Why the store could not do something.

use std::path::{Path, PathBuf};

use super::room::Room;
use crate::layer::Digest;

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory of the store.
    #[error("cannot {step} {}", path.display())]
    Io {
        /// What was done, as a verb.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The store has a layout of another version.
    #[error("{} is a store of another kind or version: {found:?}", path.display())]
    Version {
        /// Its root.
        path: PathBuf,
        /// What its `version` says.
        found: String,
    },
    /// A file of the store does not say what it should.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another store, whose layers are to be used, is not where it is said to be.
    #[error(
        "cannot share the layers of {}: is the other store there, and seen from here?",
        path.display()
    )]
    Shared {
        /// The directory that was given.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another store promised to keep a layer.
    #[error(
        "layer {layer} is pinned in {}, and not there: that store is damaged or half seen from here",
        path.display()
    )]
    SharedGone {
        /// The layer.
        layer: Digest,
        /// The other store.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The source of a layer.
    #[error("cannot open the source of layer {layer}")]
    Source {
        /// Its id.
        layer: Digest,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store's file system, or its quota, has no room for a layer.
    #[error(
        "no room for layer {layer}, which takes more than {written} bytes{}",
        told(room)
    )]
    NoRoom {
        /// Its id.
        layer: Digest,
        /// Bytes of it that there was room for.
        written: u64,
        /// What there is to tell, once room could not be made.
        room: Option<Box<Room>>,
        /// Where it ended.
        source: Box<Error>,
    },
    /// Unpacking.
    #[error("cannot unpack layer {layer}")]
    Unpack {
        /// Its id.
        layer: Digest,
        /// Why.
        source: crate::layer::Error,
    },
    /// The probe could not be run at all.
    #[error("cannot find out how root file systems can be made here")]
    Probe(#[source] rustix::io::Errno),
    /// A name that cannot be a file's.
    #[error(
        "{id:?} is no id: 1 to 200 characters, not \".\" or \"..\", without \"/\" and NUL, not ending as unfinished files do"
    )]
    InvalidId {
        /// The id.
        id: String,
    },
    /// There is one of that id.
    #[error("there is an image {id:?} already")]
    AlreadyExists {
        /// The id.
        id: String,
    },
    /// There is none of that id.
    #[error("there is no image {id:?}")]
    NotFound {
        /// The id.
        id: String,
    },
    /// An image without any layer.
    #[error("an image needs at least one layer")]
    NoLayers,
    /// A layer that should be there is not.
    #[error("there is no layer {layer}, here or in a store that shares its layers")]
    NoLayer {
        /// Its id.
        layer: Digest,
    },
    /// The file system was to count or limit what is written to an image.
    #[error("cannot {step} for {id:?}, on the file system of {}", path.display())]
    Quota {
        /// What was done, as a verb.
        step: &'static str,
        /// The image.
        id: String,
        /// A directory of that file system.
        path: PathBuf,
        /// Why not.
        source: rustix::io::Errno,
    },
    /// The root file system could not be assembled.
    #[error("cannot make the root file system of {id:?}")]
    Driver {
        /// The image.
        id: String,
        /// Why.
        source: crate::driver::Error,
    },
}

fn told(room: &Option<Box<Room>>) -> String {
    room.as_ref().map_or(String::new(), |room| room.to_string())
}

/// Adds step and path to an I/O error.
pub(crate) fn io<E: Into<std::io::Error>>(step: &'static str, path: &Path) -> impl Fn(E) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        step,
        path: path.clone(),
        source: source.into(),
    }
}
