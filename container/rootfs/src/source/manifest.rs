//! The documents that an image consists of, in the OCI form and in Docker's, which say the same in
//! the same words.
//!
//! Source: OCI image specification 1.1; Docker image manifest version 2, schema 2.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Config, LayerName, Platform};
use crate::layer::{Digest, Expected};

/// Annotation of a layer: the directory that its entries are below.
pub const BASE_DIRECTORY: &str = "org.cloudfoundry.experimental.image.base-directory";
/// Annotation of a manifest in a layout: its tag.
pub(super) const TAG: &str = "org.opencontainers.image.ref.name";

/// Names a blob.
#[derive(Debug, Clone, Deserialize)]
pub struct Descriptor {
    /// What it is.
    #[serde(default, rename = "mediaType")]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its number of bytes.
    pub size: Option<u64>,
    /// Where else it can be had.
    #[serde(default)]
    pub urls: Vec<String>,
    /// For an image of an index.
    pub platform: Option<Platform>,
    /// More.
    #[serde(default)]
    pub annotations: HashMap<String, String>,
}

impl Descriptor {
    /// Whether it names an index (Docker: a manifest list).
    pub fn is_index(&self) -> bool {
        is_index(&self.media_type)
    }
}

/// Whether documents of this media type name manifests.
pub fn is_index(media_type: &str) -> bool {
    media_type.contains("image.index") || media_type.contains("manifest.list")
}

/// Images by platform.
#[derive(Debug, Clone, Deserialize)]
pub struct Index {
    /// The images, or further indexes.
    pub manifests: Vec<Descriptor>,
}

impl Index {
    /// What fits a platform, best first: those marked with it, then those that are marked with
    /// none.
    pub fn for_platform(&self, platform: &Platform) -> Vec<&Descriptor> {
        for_platform(self.manifests.iter(), platform)
    }
}

pub(super) fn for_platform<'a>(
    all: impl Iterator<Item = &'a Descriptor> + Clone,
    platform: &Platform,
) -> Vec<&'a Descriptor> {
    let marked = |wanted: Option<&Platform>| {
        let wanted = wanted.cloned();
        all.clone()
            .filter(move |descriptor| descriptor.platform == wanted)
    };
    marked(Some(platform)).chain(marked(None)).collect()
}

/// An image.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// Its [`ImageDocument`].
    pub config: Descriptor,
    /// Its layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// What an image's configuration says.
#[derive(Debug, Clone, Deserialize)]
pub struct ImageDocument {
    /// About its processes.
    #[serde(default)]
    pub config: Option<Config>,
    /// About its layers.
    pub rootfs: RootFs,
}

/// What an image's configuration says of its layers.
#[derive(Debug, Clone, Deserialize)]
pub struct RootFs {
    /// Digests of the uncompressed layers, lowest first.
    pub diff_ids: Vec<Digest>,
}

/// Manifest and configuration have different numbers of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the manifest has {layers} layers, the configuration {diff_ids}")]
pub struct Disagree {
    /// In the manifest.
    pub layers: usize,
    /// In the configuration.
    pub diff_ids: usize,
}

impl Manifest {
    /// The layers' names, by manifest and configuration.
    ///
    /// # Errors
    /// [`Disagree`].
    pub fn names(&self, document: &ImageDocument) -> Result<Vec<LayerName>, Disagree> {
        let diff_ids = &document.rootfs.diff_ids;
        if diff_ids.len() != self.layers.len() {
            return Err(Disagree {
                layers: self.layers.len(),
                diff_ids: diff_ids.len(),
            });
        }
        let name = |(diff_id, layer): (&Digest, &Descriptor)| LayerName::Content {
            diff_id: *diff_id,
            blob: Some(layer.digest),
        };
        Ok(diff_ids.iter().zip(&self.layers).map(name).collect())
    }
}

/// What a layer of this name and descriptor is checked against.
pub fn expected(name: Option<&LayerName>, layer: Option<&Descriptor>) -> Expected {
    match (name, layer) {
        (Some(LayerName::Content { diff_id, blob }), Some(layer)) => Expected {
            diff_id: Some(*diff_id),
            blob: *blob,
            blob_size: layer.size,
        },
        _ => Expected::default(),
    }
}
