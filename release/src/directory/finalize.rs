//! A final release out of a tarball that was made before, here or elsewhere.
//!
//! ```text
//! tarball ─► each archive ─► blobstore, unless the final index has its fingerprint ─► final release
//! ```

use std::fs::File;
use std::path::PathBuf;

use warren_wire_release::{MultiDigest, Version, check_name};

use super::blobstore::Store;
use super::create::{Built, Created, add_release, finalize, no_archive, refuse_existing};
use super::error::file;
use super::{Directory, Error, Kind, Reporter, Stage, cache, git, plan};
use crate::tarball::{self, Keep, Limits};

/// What is to become final.
#[derive(Debug, Clone, Default)]
pub struct Finalize {
    /// The tarball of a development release.
    pub tarball: PathBuf,
    /// Another name than the tarball's.
    pub name: Option<String>,
    /// Its version; the next number if none is given.
    pub version: Option<Version>,
    /// Whether the directory may have changes that are not committed.
    pub force: bool,
}

/// Makes a final release of a tarball.
///
/// # Errors
/// [`Error`]; [`Error::Compiled`] for a tarball of compiled packages, which no final index has.
pub fn finalize_release(
    directory: &Directory,
    wanted: &Finalize,
    report: Reporter<'_>,
) -> Result<Created, Error> {
    directory.config()?;
    git::revision(directory.root(), wanted.force)?;
    let staging = tempfile::Builder::new().prefix("warren-release-").tempdir();
    let staging = staging.map_err(file("make a directory in", &std::env::temp_dir()))?;
    let source = File::open(&wanted.tarball).map_err(file("open", &wanted.tarball))?;
    let read = tarball::read(source, Keep::Below(staging.path()), &Limits::default())?;
    if !read.compiled_packages.is_empty() {
        return Err(Error::Compiled {
            path: wanted.tarball.clone(),
        });
    }
    let mut manifest = read.manifest;
    manifest.name = wanted.name.clone().unwrap_or(manifest.name);
    check_name("release", &manifest.name)?;
    let finals = directory.releases(Stage::Final, &manifest.name)?;
    manifest.version = match &wanted.version {
        Some(version) => version.to_string(),
        None => plan::next_final(&finals)?.to_string(),
    };
    refuse_existing(&finals, Stage::Final, &manifest.name, &manifest.version)?;
    let store = Store::open(directory)?;
    let mut take = |kind: Kind, name: &str, fingerprint: &str, sha1: &mut String, path| {
        let path: Option<PathBuf> = path;
        let path = path.ok_or_else(|| no_archive(kind, name, fingerprint))?;
        let digest: MultiDigest = sha1.parse().map_err(|source| Error::BadDigest {
            path: wanted.tarball.clone(),
            source,
        })?;
        let path = cache::take(directory, &digest, &path)?;
        let mut archive = Built { digest, path };
        finalize(
            directory,
            &store,
            (kind, name, fingerprint),
            &mut archive,
            report,
        )?;
        *sha1 = archive.digest.to_string();
        Ok::<(), Error>(())
    };
    for (listed, job) in manifest.jobs.iter_mut().zip(read.jobs) {
        let path = job.archive.and_then(|archive| archive.path);
        let (name, fingerprint) = (
            job.listed.name,
            known_by(job.listed.fingerprint, job.listed.version),
        );
        take(Kind::Job, &name, &fingerprint, &mut listed.sha1, path)?;
    }
    for (listed, one) in manifest.packages.iter_mut().zip(read.packages) {
        let path = one.archive.and_then(|archive| archive.path);
        let (name, fingerprint) = (
            one.listed.name,
            known_by(one.listed.fingerprint, one.listed.version),
        );
        take(Kind::Package, &name, &fingerprint, &mut listed.sha1, path)?;
    }
    if let (Some(listed), Some(one)) = (&mut manifest.license, read.license) {
        let path = one.archive.and_then(|archive| archive.path);
        let fingerprint = known_by(one.listed.fingerprint, one.listed.version);
        take(
            Kind::License,
            "license",
            &fingerprint,
            &mut listed.sha1,
            path,
        )?;
    }
    let path = add_release(directory, Stage::Final, &manifest, report)?;
    Ok(Created {
        manifest,
        path,
        tarball: None,
    })
}

/// Old tarballs have the fingerprint as version alone.
fn known_by(fingerprint: String, version: String) -> String {
    match fingerprint.is_empty() {
        true => version,
        false => fingerprint,
    }
}
