//! Where layers come from.
//!
//! A [`Source`] names the layers of an image and opens them one at a time; it knows nothing of the
//! store. What needs a network implements the trait elsewhere.
//!
//! | text | source |
//! |---|---|
//! | `/PATH` of a file, or `file:///PATH` | [`LocalTar`]: one layer, plain, gzip or zstd |
//! | `/PATH` of a directory | [`Directory`]: one layer, a copy of it |
//! | `oci:///DIR[:TAG]` | [`OciLayout`]: an image layout directory |
//! | `raw:///PATH` | no layers: that very directory, see [`Reference`] |
//! | `preloaded:///PATH` | as the path alone |

mod config;
mod directory;
mod fetch;
mod local;
pub mod manifest;
mod oci;
mod reference;

use std::io::Read;
use std::path::Path;

pub use config::Config;
pub use directory::Directory;
pub use local::LocalTar;
pub use oci::{MOST_BYTES, OciError, OciLayout, Platform};
pub use reference::{InvalidReference, Reference};

use crate::layer::{Digest, Expected};
use crate::store::SourceError;

/// What a layer is known by before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerName {
    /// Digest of its uncompressed archive, and of the blob as stored, which are both checked.
    Content {
        /// Of the uncompressed archive.
        diff_id: Digest,
        /// Of the bytes as they come.
        blob: Option<Digest>,
    },
    /// A name that changes with the content; the content is taken as it is.
    Source(Digest),
}

/// An image as layers.
pub trait Source: Sync {
    /// Its layers, lowest first.
    fn layers(&self) -> &[LayerName];

    /// The bytes of layer `index`: a tar archive, plain, gzip or zstd.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError>;

    /// What layer `index` is checked against while it is unpacked.
    fn expected(&self, index: usize) -> Expected {
        match self.layers().get(index) {
            Some(LayerName::Content { diff_id, blob }) => Expected {
                diff_id: Some(*diff_id),
                blob: *blob,
                blob_size: None,
            },
            _ => Expected::default(),
        }
    }

    /// The directory that layer `index` is a copy of; it is not opened then.
    fn directory(&self, index: usize) -> Option<&Path> {
        let _ = index;
        None
    }

    /// The directory in the image that the entries of layer `index` are below. It has owner and
    /// mode from the layers under it.
    fn base_directory(&self, index: usize) -> Option<&Path> {
        let _ = index;
        None
    }

    /// What the image says about its processes.
    fn config(&self) -> Option<&Config> {
        None
    }

    /// `PATH=...` and the like, from the image's configuration.
    fn environment(&self) -> &[String] {
        self.config().map_or(&[], |config| &config.environment)
    }
}
