//! A stemcell under another name, or with other properties.

use std::io::{Read, Seek, Write};

use warren_wire_release::{StemcellManifest, check_name};
use yaml_serde::Mapping;

use super::tarball::{Limits, read};
use super::write::write_members;
use super::{Error, error};
use crate::hash::Hasher;

/// What is to be different.
#[derive(Debug, Clone, Default)]
pub struct Repack {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Formats instead of those it has.
    pub formats: Vec<String>,
    /// A map in YAML, over the properties it has.
    pub cloud_properties: Option<String>,
    /// Whether the image is left out.
    pub empties_image: bool,
}

/// Writes a stemcell with changes. The image passes through an unnamed file.
///
/// # Errors
/// [`Error`].
pub fn repack<W: Write>(
    source: impl Read,
    changes: &Repack,
    limits: &Limits,
    to: W,
) -> Result<(StemcellManifest, W), Error> {
    let properties: Option<Mapping> = match &changes.cloud_properties {
        Some(text) => Some(yaml_serde::from_str(text).map_err(Error::CloudProperties)?),
        None => None,
    };
    let folder = std::env::temp_dir();
    let mut image = tempfile::tempfile().map_err(error::file("make a file in", &folder))?;
    let stemcell = read(source, &mut image, limits)?;
    let mut manifest = stemcell.manifest;
    if let Some(name) = &changes.name {
        check_name("stemcell", name)?;
        // What manifests ask for stays, even where it was only the name.
        let system = manifest.operating_system().to_owned();
        manifest.operating_system = Some(system);
        manifest.name.clone_from(name);
    }
    if let Some(version) = &changes.version {
        check_name("version", version)?;
        manifest.version.clone_from(version);
    }
    if !changes.formats.is_empty() {
        manifest.stemcell_formats.clone_from(&changes.formats);
    }
    manifest
        .cloud_properties
        .extend(properties.unwrap_or_default());
    let files = stemcell.files.iter();
    let files: Vec<(&str, &[u8])> = files
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    if changes.empties_image {
        manifest.sha1 = Hasher::default().sums().sha1();
        let to = write_members(to, &manifest, &files, 0, std::io::empty())?;
        return Ok((manifest, to));
    }
    image.rewind().map_err(error::file("read", &folder))?;
    let to = write_members(to, &manifest, &files, stemcell.image.bytes(), image)?;
    Ok((manifest, to))
}
