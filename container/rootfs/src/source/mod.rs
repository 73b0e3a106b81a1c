//! Where layers come from.
//!
//! A [`Source`] names the layers of an image and opens them one at a time; it knows nothing of the
//! store. What needs a network implements the trait elsewhere.
//!
//! | text | source |
//! |---|---|
//! | `/PATH` of a file, or `file:///PATH` | [`LocalTar`]: one layer, plain, gzip or zstd |
//! | `oci:///DIR[:TAG]` | [`OciLayout`]: an image layout directory |
//! | `raw:///PATH` | no layers: that very directory, see [`Reference`] |
//! | `preloaded:///PATH` | as the path alone |

mod local;
mod oci;
mod reference;

use std::io::Read;

pub use local::LocalTar;
pub use oci::{OciError, OciLayout, Platform};
pub use reference::{InvalidReference, Reference};

use crate::layer::Digest;
use crate::store::{Error, Lease, SourceError, Store};

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

    /// `PATH=...` and the like, from the image's configuration.
    fn environment(&self) -> &[String] {
        &[]
    }
}

impl Store {
    /// Brings all layers of a source into the store, those that are missing at the same time, and
    /// leases them.
    ///
    /// # Errors
    /// Of the lowest layer that failed.
    pub fn fetch(&self, source: &dyn Source) -> Result<Vec<Lease>, Error> {
        let one = |index: usize, name: LayerName| match name {
            LayerName::Content { diff_id, blob } => {
                self.layer(diff_id, blob, || source.open(index))
            }
            LayerName::Source(id) => self.layer_of_source(id, || source.open(index)),
        };
        // Each layer has two threads at work; more layers at once would only wait for each other.
        let at_once = std::thread::available_parallelism().map_or(2, |cpus| cpus.get().clamp(2, 8));
        let mut leases = Vec::new();
        let layers: Vec<_> = source.layers().iter().copied().enumerate().collect();
        for group in layers.chunks(at_once) {
            let results = std::thread::scope(|scope| {
                let start = |(index, name): &(usize, LayerName)| {
                    let (index, name) = (*index, *name);
                    scope.spawn(move || one(index, name))
                };
                let running: Vec<_> = group.iter().map(start).collect();
                running
                    .into_iter()
                    .map(|thread| thread.join())
                    .collect::<Vec<_>>()
            });
            for result in results {
                match result {
                    Ok(lease) => leases.push(lease?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        }
        Ok(leases)
    }
}
