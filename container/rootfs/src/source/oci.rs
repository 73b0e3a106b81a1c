//! An OCI image layout: a directory with `index.json` and `blobs/sha256/`.
//!
//! Digests of indexes, manifests and configurations are checked as they are read, those of layers
//! as they are unpacked. Source: OCI image specification 1.1.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::manifest::{
    BASE_DIRECTORY, Descriptor, Disagree, ImageDocument, Index, Manifest, TAG, expected,
    for_platform,
};
use super::{Config, LayerName, LocalTar, Source};
use crate::layer::{Digest, DigestOfMany, Expected, Hasher};
use crate::store::SourceError;

/// Most bytes of a document; registries refuse more than 4 MiB.
pub const MOST_BYTES: u64 = 4 << 20;
/// Indexes may name indexes, but not for ever.
const DEEPEST: usize = 4;

/// An operating system and processor, as images are marked with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, ...
    pub architecture: String,
}

impl Platform {
    /// The one this program was built for.
    pub fn own() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// A layout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// A file of it.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More than any such document has.
    #[error("{} has more than {MOST_BYTES} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not the document it should be.
    #[error("{} is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A document is not the one that was named.
    #[error("{} has the digest {actual}", path.display())]
    Digest {
        /// The file, named after what its digest should be.
        path: PathBuf,
        /// What it is.
        actual: Digest,
    },
    /// No image of that tag or platform.
    #[error("the layout has no image for {wanted}; it has {there}")]
    NoImage {
        /// What was looked for.
        wanted: String,
        /// What there is.
        there: String,
    },
    /// Indexes in indexes in indexes.
    #[error("indexes are nested too deeply")]
    TooDeep,
    /// Manifest and configuration disagree.
    #[error("the image in {} is inconsistent", path.display())]
    Layers {
        /// The layout.
        path: PathBuf,
        /// How.
        source: Disagree,
    },
}

/// An image of a layout.
#[derive(Debug)]
pub struct OciLayout {
    directory: PathBuf,
    layers: Vec<LayerName>,
    blobs: Vec<Descriptor>,
    config: Config,
}

impl OciLayout {
    /// Reads index, manifest and configuration. `tag`: `None` takes the only image.
    ///
    /// # Errors
    /// [`OciError`].
    pub fn open(
        directory: &Path,
        tag: Option<&str>,
        platform: &Platform,
    ) -> Result<Self, OciError> {
        let index: Index = document(&directory.join("index.json"), None)?;
        let tagged = |descriptor: &&Descriptor| {
            let name = descriptor.annotations.get(TAG);
            tag.is_none() || name.map(String::as_str) == tag
        };
        let candidates: Vec<_> = index.manifests.iter().filter(tagged).collect();
        let manifest = select(directory, &candidates, platform, 0)?.ok_or_else(|| {
            let architecture = format!("{}/{}", platform.os, platform.architecture);
            OciError::NoImage {
                wanted: tag.map_or(architecture.clone(), |tag| {
                    format!("{tag} ({architecture})")
                }),
                there: listed(&index.manifests),
            }
        })?;
        let image: ImageDocument = document(
            &blob(directory, &manifest.config.digest),
            Some(manifest.config.digest),
        )?;
        let layers = manifest.names(&image).map_err(|source| OciError::Layers {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            layers,
            blobs: manifest.layers,
            config: image.config.unwrap_or_default(),
        })
    }

    /// Takes the layers for what they are, whatever digests and sizes the layout tells. A layer
    /// that is a link to a file is known as that file is.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        for (name, layer) in self.layers.iter_mut().zip(&self.blobs) {
            let path = blob(&self.directory, &layer.digest);
            let linked = path.is_symlink().then(|| LocalTar::new(&path).ok());
            *name = match linked
                .flatten()
                .and_then(|tar| tar.layers().first().copied())
            {
                Some(file) => file,
                None => {
                    let mut all = DigestOfMany::new(b"unverified");
                    all.add(layer.digest.hex().as_bytes());
                    LayerName::Source(all.finish())
                }
            };
        }
        self
    }

    /// What names the layers, lowest first.
    pub fn descriptors(&self) -> &[Descriptor] {
        &self.blobs
    }

    /// Whether the layout has the layer itself.
    pub fn has(&self, index: usize) -> bool {
        let layer = self.blobs.get(index);
        layer.is_some_and(|layer| blob(&self.directory, &layer.digest).exists())
    }
}

impl Source for OciLayout {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let layer = self.blobs.get(index).ok_or("no such layer")?;
        let path = blob(&self.directory, &layer.digest);
        let opened = File::open(&path).map_err(|source| OciError::Read { path, source });
        Ok(Box::new(opened?))
    }

    fn expected(&self, index: usize) -> Expected {
        expected(self.layers.get(index), self.blobs.get(index))
    }

    fn base_directory(&self, index: usize) -> Option<&Path> {
        let layer = self.blobs.get(index)?;
        layer.annotations.get(BASE_DIRECTORY).map(Path::new)
    }

    fn config(&self) -> Option<&Config> {
        Some(&self.config)
    }
}

/// The manifest for the platform. One without a platform is for any.
fn select(
    directory: &Path,
    candidates: &[&Descriptor],
    platform: &Platform,
    depth: usize,
) -> Result<Option<Manifest>, OciError> {
    if depth > DEEPEST {
        return Err(OciError::TooDeep);
    }
    for descriptor in for_platform(candidates.iter().copied(), platform) {
        let path = blob(directory, &descriptor.digest);
        if !descriptor.is_index() {
            return document(&path, Some(descriptor.digest)).map(Some);
        }
        let index: Index = document(&path, Some(descriptor.digest))?;
        let inner: Vec<_> = index.manifests.iter().collect();
        if let Some(found) = select(directory, &inner, platform, depth + 1)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn listed(descriptors: &[Descriptor]) -> String {
    let names = descriptors.iter().map(|descriptor| {
        let tag = descriptor.annotations.get(TAG);
        let tag = tag.map_or("-", String::as_str);
        match &descriptor.platform {
            Some(platform) => format!("{tag} ({}/{})", platform.os, platform.architecture),
            None => tag.to_owned(),
        }
    });
    let names: Vec<_> = names.take(20).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn blob(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join("blobs/sha256").join(digest.hex())
}

fn document<T: for<'a> Deserialize<'a>>(
    path: &Path,
    expected: Option<Digest>,
) -> Result<T, OciError> {
    let path = path.to_owned();
    let read = |source| OciError::Read {
        path: path.clone(),
        source,
    };
    let file = File::open(&path).map_err(read)?;
    let mut hasher = Hasher::new(file.take(MOST_BYTES + 1));
    let mut bytes = Vec::new();
    hasher.read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(OciError::TooLong { path });
    }
    let (actual, _) = hasher.sum();
    if expected.is_some_and(|expected| expected != actual) {
        return Err(OciError::Digest { path, actual });
    }
    serde_json::from_slice(&bytes).map_err(|source| OciError::Malformed { path, source })
}
