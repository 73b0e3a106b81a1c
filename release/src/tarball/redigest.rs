//! A release tarball again, with digests of another algorithm: for directors that know one alone.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use warren_wire_release::{Algorithm, ReleaseManifest};

use super::read::{Archive, Keep, Limits, read};
use super::{Error, Listed, write};
use crate::archive::Compression;

/// Copies a tarball; what it lists has digests of this algorithm then.
///
/// # Errors
/// [`Error`]; [`Error::Absent`] for a tarball that lists what it does not have.
pub fn redigest(
    source: impl Read,
    to: impl Write,
    algorithm: Algorithm,
) -> Result<ReleaseManifest, Error> {
    let staging = tempfile::Builder::new().prefix("warren-release-").tempdir();
    let staging = staging.map_err(|source| Error::File {
        step: "make a directory in",
        path: std::env::temp_dir(),
        source,
    })?;
    let release = read(source, Keep::Below(staging.path()), &Limits::default())?;
    if let Some(name) = release.absent().into_iter().next() {
        return Err(Error::Absent { name });
    }
    let mut manifest = release.manifest;
    let mut listed = Listed::default();
    let take = |sha1: &mut String, archive: Option<Archive>| -> PathBuf {
        // Nothing is absent, and all is kept.
        let Some(Archive { sums, path }) = archive else {
            return PathBuf::new();
        };
        if let Some(digest) = sums.digest(algorithm) {
            *sha1 = digest.to_string();
        }
        path.unwrap_or_default()
    };
    for (one, found) in manifest.jobs.iter_mut().zip(release.jobs) {
        let path = take(&mut one.sha1, found.archive);
        listed.jobs.push((one.name.clone(), path));
    }
    for (one, found) in manifest.packages.iter_mut().zip(release.packages) {
        let path = take(&mut one.sha1, found.archive);
        listed.packages.push((one.name.clone(), path));
    }
    let compiled = manifest.compiled_packages.iter_mut().flatten();
    for (one, found) in compiled.zip(release.compiled_packages) {
        let path = take(&mut one.sha1, found.archive);
        listed.compiled_packages.push((one.name.clone(), path));
    }
    if let (Some(one), Some(found)) = (&mut manifest.license, release.license) {
        listed.license = match found.archive {
            Some(archive) => Some(take(&mut one.sha1, Some(archive))),
            None => {
                return Err(Error::Absent {
                    name: "license.tgz".to_owned(),
                });
            }
        };
    }
    let mut to = write(to, Compression::Gzip, &manifest, &listed)?;
    to.flush().map_err(|source| Error::File {
        step: "write",
        path: Path::new("the tarball").to_owned(),
        source,
    })?;
    Ok(manifest)
}
