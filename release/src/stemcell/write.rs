//! Stemcell tarballs.
//!
//! ```text
//! stemcell.MF packages.txt dev_tools_file_list.txt image
//! ```

use std::io::{Read, Write};

use warren_wire_release::StemcellManifest;
use yaml_serde::{Mapping, Value};

use super::{Error, Image, Plan};
use crate::archive::{Compression, Members};
use crate::hash::Hasher;

/// The CPI contract that Warren's agent knows.
const API_VERSION: u64 = 3;

/// Where a light stemcell's image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Light {
    /// `HOST[:PORT]/REPOSITORY@sha256:HEX`, or `file:///PATH` of an archive that CPIs can read.
    pub image_reference: String,
    /// `sha256:HEX` of the image's manifest, if it has one.
    pub digest: Option<String>,
}

fn manifest(
    plan: &Plan,
    sha1: String,
    formats: &[&str],
    more: &[(&str, &str)],
) -> StemcellManifest {
    let mut cloud_properties = Mapping::new();
    let system = plan.operating_system.split('-').next().unwrap_or_default();
    let known = [
        ("name", plan.name.as_str()),
        ("version", &plan.version),
        ("infrastructure", "warden"),
        ("hypervisor", "boshlite"),
        ("architecture", std::env::consts::ARCH),
        ("os_type", "linux"),
        ("os_distro", system),
    ];
    for (key, value) in known.iter().chain(more) {
        cloud_properties.insert(Value::from(*key), Value::from(*value));
    }
    StemcellManifest {
        name: plan.name.clone(),
        version: plan.version.clone(),
        bosh_protocol: "1".to_owned(),
        api_version: Some(API_VERSION),
        sha1,
        stemcell_formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        cloud_properties,
        operating_system: Some(plan.operating_system.clone()),
    }
}

/// The manifest of a stemcell that has its image inside.
pub fn heavy_manifest(plan: &Plan, image: &Image) -> StemcellManifest {
    manifest(plan, image.sums.sha1(), &["warden-tar"], &[])
}

/// The manifest of a stemcell whose image is in a registry.
pub fn light_manifest(plan: &Plan, light: &Light) -> StemcellManifest {
    let mut more = vec![("image_reference", light.image_reference.as_str())];
    more.extend(light.digest.as_deref().map(|digest| ("digest", digest)));
    let empty = Hasher::default().sums().sha1();
    manifest(plan, empty, &["docker-light", "warden-light"], &more)
}

/// Writes a stemcell with its image.
///
/// # Errors
/// [`Error`].
pub fn write_heavy<W: Write>(
    to: W,
    plan: &Plan,
    image: &Image,
    bytes: impl Read,
) -> Result<(StemcellManifest, W), Error> {
    let manifest = heavy_manifest(plan, image);
    let to = write(to, &manifest, plan, image.sums.bytes(), bytes)?;
    Ok((manifest, to))
}

/// Writes a stemcell without one.
///
/// # Errors
/// [`Error`].
pub fn write_light<W: Write>(
    to: W,
    plan: &Plan,
    light: &Light,
) -> Result<(StemcellManifest, W), Error> {
    let manifest = light_manifest(plan, light);
    let to = write(to, &manifest, plan, 0, std::io::empty())?;
    Ok((manifest, to))
}

fn write<W: Write>(
    to: W,
    manifest: &StemcellManifest,
    plan: &Plan,
    size: u64,
    image: impl Read,
) -> Result<W, Error> {
    let files = [
        ("packages.txt", plan.packages.as_bytes()),
        ("dev_tools_file_list.txt", b""),
    ];
    write_members(to, manifest, &files, size, image)
}

/// Writes a stemcell of these members.
pub(super) fn write_members<W: Write>(
    to: W,
    manifest: &StemcellManifest,
    files: &[(&str, &[u8])],
    size: u64,
    image: impl Read,
) -> Result<W, Error> {
    let text = manifest.to_yaml().map_err(Error::WriteManifest)?;
    let mut members = Members::new(to, Compression::Gzip);
    members.bytes(b"stemcell.MF", 0o644, text.as_bytes())?;
    for (name, bytes) in files {
        members.bytes(name.as_bytes(), 0o644, bytes)?;
    }
    members.file(b"image", 0o644, size, image)?;
    Ok(members.finish()?)
}
