//! Making a release.
//!
//! ```text
//! sync blobs ─► read parts ─► each: archive known? ─ no ─► make it ─► cache ─► dev index
//!            ─► dev release ─► final: each archive ─► blobstore ─► final index ─► final release
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};

use warren_wire_release::directory::{Build, Releases};
use warren_wire_release::{
    JobRef, LicenseRef, MultiDigest, PackageRef, ReleaseManifest, Version, check_name,
};

use super::blobstore::{Store, new_id};
use super::error::file;
use super::index::Index;
use super::write::{new_beside, replace};
use super::{
    Directory, Error, Event, Kind, Part, Reporter, Stage, build, cache, git, plan, read, sync_blobs,
};
use crate::archive::Compression;
use crate::hash::Hashing;
use crate::tarball::{self, Listed};

/// What release is to be made.
#[derive(Debug, Clone, Default)]
pub struct Create {
    /// Its name; that of the configuration if none is given.
    pub name: Option<String>,
    /// Its version; the next one if none is given.
    pub version: Option<Version>,
    /// Seconds since 1970, to be the number of the development version.
    pub timestamp: Option<u64>,
    /// Whether it is final.
    pub is_final: bool,
    /// Whether changes that are not committed may be in it.
    pub force: bool,
    /// Where its tarball goes.
    pub tarball: Option<PathBuf>,
}

/// A release that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// What it consists of.
    pub manifest: ReleaseManifest,
    /// Its manifest's file.
    pub path: PathBuf,
    /// Its tarball.
    pub tarball: Option<PathBuf>,
}

/// An archive that is in the cache.
pub(super) struct Built {
    pub(super) digest: MultiDigest,
    pub(super) path: PathBuf,
}

/// Makes a release of a directory.
///
/// # Errors
/// [`Error`]. Archives that were made before stay, so that the next try is shorter.
pub fn create(
    directory: &Directory,
    wanted: &Create,
    report: Reporter<'_>,
) -> Result<Created, Error> {
    let config = directory.config()?;
    let name = wanted.name.clone().unwrap_or(config.name);
    check_name("release", &name)?;
    let revision = git::revision(directory.root(), wanted.force)?;
    let finals = directory.releases(Stage::Final, &name)?;
    let version = match &wanted.version {
        Some(version) => version.clone(),
        None => {
            let dev = directory.releases(Stage::Dev, &name)?;
            plan::next_dev(&dev, &finals, wanted.timestamp)?
        }
    };
    // What would fail at the end fails now.
    let final_version = match (wanted.is_final, &wanted.version) {
        (false, _) => None,
        (true, Some(version)) => Some(version.clone()),
        (true, None) => Some(plan::next_final(&finals)?),
    };
    let store = match &final_version {
        Some(version) => {
            refuse_existing(&finals, Stage::Final, &name, &version.to_string())?;
            Some(Store::open(directory)?)
        }
        None => None,
    };
    sync_blobs(directory, report)?;
    let parts = read(directory)?;
    let mut manifest = ReleaseManifest {
        name,
        version: version.to_string(),
        commit_hash: revision.commit,
        uncommitted_changes: revision.has_changes,
        ..ReleaseManifest::default()
    };
    // Before anything is made: whether all that is needed is there.
    listed(&mut manifest, parts.iter().map(|part| (part, None)));
    manifest.check()?;
    let mut built = Vec::new();
    for part in parts {
        let archive = built_part(directory, &part, report)?;
        built.push((part, archive));
    }
    let digests = |built: &[(Part, Built)], manifest: &mut ReleaseManifest| {
        let with = built
            .iter()
            .map(|(part, archive)| (part, Some(archive.digest.to_string())));
        listed(manifest, with);
    };
    digests(&built, &mut manifest);
    let mut path = add_release(directory, Stage::Dev, &manifest, report)?;
    if let (Some(version), Some(store)) = (final_version, &store) {
        for (part, archive) in &mut built {
            let (kind, name) = (part.kind, part.name.as_str());
            let what = (kind, name, part.fingerprint.as_str());
            finalize(directory, store, what, archive, report)?;
        }
        manifest.version = version.to_string();
        digests(&built, &mut manifest);
        path = add_release(directory, Stage::Final, &manifest, report)?;
    }
    if let Some(to) = &wanted.tarball {
        write_tarball(
            directory,
            &manifest,
            built.iter().map(|(_, one)| one.path.clone()),
            to,
        )?;
    }
    Ok(Created {
        manifest,
        path,
        tarball: wanted.tarball.clone(),
    })
}

/// Writes the tarball of a release that was made before, from its manifest.
///
/// # Errors
/// [`Error`], [`Error::NoArchive`] for an archive that neither cache nor blobstore has.
pub fn create_from(
    directory: &Directory,
    manifest: &ReleaseManifest,
    tarball: Option<&Path>,
    report: Reporter<'_>,
) -> Result<(), Error> {
    let Some(to) = tarball else {
        return Ok(());
    };
    let jobs = manifest
        .jobs
        .iter()
        .map(|one| (Kind::Job, &one.name, &one.fingerprint));
    let packages = manifest.packages.iter();
    let packages = packages.map(|one| (Kind::Package, &one.name, &one.fingerprint));
    let name = "license".to_owned();
    let license = manifest
        .license
        .iter()
        .map(|one| (Kind::License, &name, &one.fingerprint));
    let mut paths = Vec::new();
    for (kind, name, fingerprint) in jobs.chain(packages).chain(license) {
        let found = known(directory, kind, name, fingerprint, report)?;
        paths.push(
            found
                .ok_or_else(|| no_archive(kind, name, fingerprint))?
                .path,
        );
    }
    write_tarball(directory, manifest, paths.into_iter(), to)
}

pub(super) fn no_archive(kind: Kind, name: &str, fingerprint: &str) -> Error {
    Error::NoArchive {
        what: kind.name(),
        name: name.to_owned(),
        fingerprint: fingerprint.to_owned(),
        why: "no index lists one that is in the cache or the blobstore",
    }
}

/// Puts parts into a manifest.
fn listed<'a>(
    manifest: &mut ReleaseManifest,
    parts: impl Iterator<Item = (&'a Part, Option<String>)>,
) {
    manifest.jobs.clear();
    manifest.packages.clear();
    for (part, digest) in parts {
        let (name, version) = (part.name.clone(), part.fingerprint.clone());
        let (fingerprint, sha1) = (version.clone(), digest.unwrap_or_default());
        match part.kind {
            Kind::Job => manifest.jobs.push(JobRef {
                name,
                version,
                fingerprint,
                sha1,
                packages: part.packages.clone(),
            }),
            Kind::Package => manifest.packages.push(PackageRef {
                name,
                version,
                fingerprint,
                sha1,
                dependencies: part.packages.clone(),
            }),
            Kind::License => {
                manifest.license = Some(LicenseRef {
                    version,
                    fingerprint,
                    sha1,
                });
            }
        }
    }
}

/// An archive that an index lists and cache or blobstore has.
fn known(
    directory: &Directory,
    kind: Kind,
    name: &str,
    fingerprint: &str,
    report: Reporter<'_>,
) -> Result<Option<Built>, Error> {
    for stage in [Stage::Dev, Stage::Final] {
        let index = Index::read(directory, stage, kind, name)?;
        let Some(entry) = index.find(fingerprint) else {
            continue;
        };
        let digest: MultiDigest = entry.sha1.parse().map_err(|source| Error::BadDigest {
            path: index.path().clone(),
            source,
        })?;
        if let Some(path) = cache::find(directory, &digest)? {
            return Ok(Some(Built { digest, path }));
        }
        let Some(id) = &entry.blobstore_id else {
            continue;
        };
        let what = format!("{name}/{fingerprint}");
        report(Event::Downloading { what: &what });
        if let Some(kept) = Store::open(directory)?.find(id, index.path())? {
            let path = cache::take(directory, &digest, &kept)?;
            report(Event::Downloaded { what: &what });
            return Ok(Some(Built { digest, path }));
        }
    }
    Ok(None)
}

/// A part's archive, made if there is none.
fn built_part(directory: &Directory, part: &Part, report: Reporter<'_>) -> Result<Built, Error> {
    let (kind, name, fingerprint) = (part.kind, part.name.as_str(), part.fingerprint.as_str());
    if let Some(known) = known(directory, kind, name, fingerprint, report)? {
        return Ok(known);
    }
    let Some(source) = &part.source else {
        return Err(no_archive(kind, name, fingerprint));
    };
    report(Event::Adding {
        kind,
        name,
        fingerprint,
    });
    // In the cache's own directory, so that it can be renamed into its place.
    let new = new_beside(&directory.cache.join("new"))?;
    let hashing = build::build(directory.root(), part, source, Hashing::new(&new))?;
    let text = hashing.sums().sha256();
    let digest: MultiDigest = text.parse().map_err(|source| Error::BadDigest {
        path: new.path().to_owned(),
        source,
    })?;
    let path = cache::keep(directory, &digest, new)?;
    Index::read(directory, Stage::Dev, kind, name)?.add(Build {
        version: fingerprint.to_owned(),
        blobstore_id: None,
        sha1: text,
    })?;
    report(Event::Added {
        kind,
        name,
        fingerprint,
    });
    Ok(Built { digest, path })
}

/// Makes sure that the blobstore has an archive. The one it has already is the one that counts.
pub(super) fn finalize(
    directory: &Directory,
    store: &Store,
    (kind, name, fingerprint): (Kind, &str, &str),
    archive: &mut Built,
    report: Reporter<'_>,
) -> Result<(), Error> {
    let mut index = Index::read(directory, Stage::Final, kind, name)?;
    if let Some(entry) = index.find(fingerprint) {
        let digest: MultiDigest = entry.sha1.parse().map_err(|source| Error::BadDigest {
            path: index.path().clone(),
            source,
        })?;
        if let Some(path) = cache::find(directory, &digest)? {
            *archive = Built { digest, path };
            return Ok(());
        }
        let id = entry.blobstore_id.as_deref().unwrap_or_default();
        let kept = store.find(id, index.path())?;
        let kept = kept.ok_or_else(|| no_archive(kind, name, fingerprint))?;
        let path = cache::take(directory, &digest, &kept)?;
        *archive = Built { digest, path };
        return Ok(());
    }
    let what = format!("{name}/{fingerprint}");
    report(Event::Uploading { what: &what });
    let id = store.put(&archive.path)?;
    index.add(Build {
        version: fingerprint.to_owned(),
        blobstore_id: Some(id.clone()),
        sha1: archive.digest.to_string(),
    })?;
    report(Event::Uploaded {
        what: &what,
        id: &id,
    });
    Ok(())
}

pub(super) fn refuse_existing(
    releases: &Releases,
    stage: Stage,
    name: &str,
    version: &str,
) -> Result<(), Error> {
    if !releases.has(version) {
        return Ok(());
    }
    Err(Error::VersionExists {
        stage: stage.name(),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// Writes a release's manifest, then lists it.
pub(super) fn add_release(
    directory: &Directory,
    stage: Stage,
    manifest: &ReleaseManifest,
    report: Reporter<'_>,
) -> Result<PathBuf, Error> {
    let (name, version) = (&manifest.name, &manifest.version);
    let mut releases = directory.releases(stage, name)?;
    refuse_existing(&releases, stage, name, version)?;
    let folder = directory.releases_path(stage, name);
    let path = folder.join(format!("{name}-{version}.yml"));
    replace(&path, &manifest.to_yaml())?;
    releases.0.insert(new_id()?, version.clone());
    replace(&folder.join("index.yml"), &releases.to_yaml())?;
    report(Event::Released {
        stage,
        name,
        version,
    });
    Ok(path)
}

/// Writes a tarball of archives that are in the order of the manifest.
fn write_tarball(
    directory: &Directory,
    manifest: &ReleaseManifest,
    mut paths: impl Iterator<Item = PathBuf>,
    to: &Path,
) -> Result<(), Error> {
    let mut take = |names: Vec<String>| -> Vec<(String, PathBuf)> {
        names.into_iter().zip(paths.by_ref()).collect()
    };
    let listed = Listed {
        jobs: take(manifest.jobs.iter().map(|one| one.name.clone()).collect()),
        packages: take(
            manifest
                .packages
                .iter()
                .map(|one| one.name.clone())
                .collect(),
        ),
        compiled_packages: Vec::new(),
        license: take(manifest.license.iter().map(|_| String::new()).collect())
            .into_iter()
            .next()
            .map(|(_, path)| path),
    };
    let compression = match directory.config()?.no_compression {
        true => Compression::None,
        false => Compression::Gzip,
    };
    let new = new_beside(to)?;
    let mut written = tarball::write(&new, compression, manifest, &listed)?;
    written.flush().map_err(file("write", to))?;
    super::write::put(new, to)
}
