//! An image of a registry: from its name to its layers.

use std::io::Read;

use serde::Deserialize;
use warren_container_rootfs::layer::{Digest, Expected};
use warren_container_rootfs::source::manifest::{
    Descriptor, ImageDocument, Index, Manifest, expected, is_index,
};
use warren_container_rootfs::source::{Config, LayerName, Platform, Source};
use warren_container_rootfs::store::SourceError;

use crate::blob::Blob;
use crate::http::shown;
use crate::name::{ImageName, Pin, checked_registry};
use crate::repository::Repository;
use crate::settings::{DOCKER_HUB, bare};
use crate::{Credentials, Error, Settings};

/// What we understand; some registries convert to what they are asked for.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";
/// Indexes may name indexes, but not for ever.
const DEEPEST: usize = 4;

/// An image of a registry. Manifests and configuration have been read; layers are when asked for.
#[derive(Debug)]
pub struct RegistryImage {
    repository: Repository,
    /// Of what the name stands for: an index or a manifest.
    digest: Digest,
    layers: Vec<LayerName>,
    descriptors: Vec<Descriptor>,
    config: Config,
}

/// The parts of a manifest that tell what it is.
#[derive(Deserialize)]
struct Kind {
    #[serde(default, rename = "schemaVersion")]
    schema_version: u64,
    #[serde(default, rename = "mediaType")]
    media_type: String,
}

impl RegistryImage {
    /// Asks for the image's manifest and configuration; for names without a registry at the mirrors
    /// first.
    ///
    /// # Errors
    /// [`Error`], that of the registry itself if mirrors failed too.
    pub fn open(
        name: &ImageName,
        credentials: Option<&Credentials>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let at = |registry: &str, credentials| {
            let repository = &name.repository;
            let repository = Repository::new(registry, repository, credentials, settings)?;
            Self::read(repository, &name.pin, &settings.platform)
        };
        if let Some(registry) = &name.registry {
            return at(registry, credentials);
        }
        let mut failures = Vec::new();
        for mirror in &settings.mirrors {
            let mirror = checked_registry(bare(mirror)).map_err(Error::Name)?;
            // Credentials are the registry's, not the mirrors'.
            match at(&mirror, None) {
                Ok(image) => return Ok(image),
                Err(error) => failures.push(format!("{mirror}: {error}")),
            }
        }
        let registry = settings
            .default_registry
            .as_deref()
            .map_or(DOCKER_HUB, bare);
        let registry = checked_registry(registry).map_err(Error::Name)?;
        at(&registry, credentials).map_err(|error| match failures.as_slice() {
            [] => error,
            failures => Error::Mirrors {
                mirrors: failures.join("; "),
                source: Box::new(error),
            },
        })
    }

    /// The digest to pin the image by.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of all layers as they are stored in the registry, if the manifest tells.
    pub fn compressed_size(&self) -> Option<u64> {
        let mut sizes = self.descriptors.iter().map(|layer| layer.size);
        sizes.try_fold(0u64, |sum, size| Some(sum.saturating_add(size?)))
    }

    /// Changes how often is tried what may well succeed in a moment.
    pub(crate) fn try_again(&mut self, tries: u32) {
        self.repository.tries = tries;
    }

    fn read(repository: Repository, pin: &Pin, platform: &Platform) -> Result<Self, Error> {
        let pinned = match pin {
            Pin::Digest(digest) => Some(*digest),
            Pin::Tag(_) => None,
        };
        let url = repository.url("manifests", &pin.to_string());
        let (bytes, kind) = repository.document(&url, Some(ACCEPT), pinned)?;
        let digest = Digest::of(&bytes);
        let (manifest, url) =
            select(&repository, (bytes, kind), &url, platform, 0)?.ok_or_else(|| {
                Error::NoPlatform {
                    url: shown(&url),
                    platform: format!("{}/{}", platform.os, platform.architecture),
                }
            })?;
        let config = &manifest.config.digest;
        let config_url = repository.url("blobs", &config.to_string());
        let (bytes, _) = repository.document(&config_url, None, Some(*config))?;
        let image: ImageDocument = parsed(&bytes, &config_url)?;
        let layers = manifest.names(&image).map_err(|source| Error::Layers {
            url: shown(&url),
            source,
        })?;
        Ok(Self {
            repository,
            digest,
            layers,
            descriptors: manifest.layers,
            config: image.config.unwrap_or_default(),
        })
    }
}

/// The manifest for the platform, and its address.
fn select(
    repository: &Repository,
    (bytes, kind): (Vec<u8>, String),
    url: &str,
    platform: &Platform,
    depth: usize,
) -> Result<Option<(Manifest, String)>, Error> {
    let told: Kind = parsed(&bytes, url)?;
    let kind = match told.media_type.as_str() {
        "" => kind.as_str(),
        told => told,
    };
    if told.schema_version == 1 {
        return Err(Error::Schema1 { url: shown(url) });
    }
    if !is_index(kind) {
        return parsed(&bytes, url).map(|manifest| Some((manifest, url.to_owned())));
    }
    if depth >= DEEPEST {
        return Ok(None);
    }
    let index: Index = parsed(&bytes, url)?;
    for descriptor in index.for_platform(platform) {
        let url = repository.url("manifests", &descriptor.digest.to_string());
        let (bytes, kind) = repository.document(&url, Some(ACCEPT), Some(descriptor.digest))?;
        let kind = match descriptor.media_type.as_str() {
            "" => kind,
            told => told.to_owned(),
        };
        if let Some(found) = select(repository, (bytes, kind), &url, platform, depth + 1)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn parsed<T: for<'a> Deserialize<'a>>(bytes: &[u8], url: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Malformed {
        url: shown(url),
        source,
    })
}

impl Source for RegistryImage {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let layer = self.descriptors.get(index).ok_or("no such layer")?;
        let url = self.repository.url("blobs", &layer.digest.to_string());
        let address = url.clone();
        let ask = Box::new(move |from| self.repository.get(&address, None, from));
        Ok(Box::new(Blob::open(
            &url,
            layer.size,
            self.repository.tries,
            ask,
        )?))
    }

    fn expected(&self, index: usize) -> Expected {
        expected(self.layers.get(index), self.descriptors.get(index))
    }

    fn config(&self) -> Option<&Config> {
        Some(&self.config)
    }
}
