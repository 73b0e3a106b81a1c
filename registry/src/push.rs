//! Putting an image of one layer into a registry.

use std::path::Path;

use serde_json::json;
use warren_container_rootfs::layer::Digest;

use crate::name::{ImageName, Pin};
use crate::repository::{Content, Repository};
use crate::settings::{DOCKER_HUB, bare};
use crate::{Credentials, Error, Settings};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A layer in a file, compressed with gzip.
#[derive(Debug, Clone, Copy)]
pub struct LayerFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// Digest of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
    /// Digest of the uncompressed bytes.
    pub diff_id: Digest,
}

/// An image that a registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// `HOST[:PORT]/REPOSITORY@sha256:DIGITS`, the name by which it cannot become another.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// Puts an image of one layer into a registry, under the name's tag if it has one, and in any case
/// under its digest. What is there already is not sent again; the same layer gives the same image.
///
/// # Errors
/// [`Error`]; [`Error::Digest`] where the name is pinned to another image.
pub fn push(
    name: &ImageName,
    layer: LayerFile<'_>,
    credentials: Option<&Credentials>,
    settings: &Settings,
) -> Result<Pushed, Error> {
    let registry = match (&name.registry, &settings.default_registry) {
        (Some(registry), _) => registry.clone(),
        (None, Some(registry)) => bare(registry).to_owned(),
        (None, None) => DOCKER_HUB.to_owned(),
    };
    let repository = Repository::new(&registry, &name.repository, credentials, settings)?;
    let platform = &settings.platform;
    let config = json!({
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id.to_string()]},
    });
    let config = config.to_string().into_bytes();
    let config_digest = Digest::of(&config);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config_digest.to_string(), "size": config.len()},
        "layers": [{"mediaType": LAYER, "digest": layer.digest.to_string(), "size": layer.size}],
    });
    let manifest = manifest.to_string().into_bytes();
    let digest = Digest::of(&manifest);
    let tag = match &name.pin {
        Pin::Tag(tag) => tag.clone(),
        Pin::Digest(expected) if *expected == digest => digest.to_string(),
        Pin::Digest(expected) => {
            return Err(Error::Digest {
                url: layer.path.display().to_string(),
                expected: *expected,
                actual: digest,
            });
        }
    };
    repository.greet()?;
    repository.put_blob(&layer.digest, Content::File(layer.path))?;
    repository.put_blob(&config_digest, Content::Bytes(&config))?;
    repository.put_manifest(&tag, MANIFEST, &manifest)?;
    Ok(Pushed {
        reference: format!("{registry}/{}@{digest}", name.repository),
        digest,
    })
}
