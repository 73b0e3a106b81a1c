//! Packages: fetched and unpacked, several at once.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::InstallError;
use super::plan::PackageItem;
use crate::blob::Blobs;
use crate::files;
use crate::owner::Owner;
use crate::unpack::{UnpackError, unpack};

/// Makes the directories that are not there yet, `workers` at once.
///
/// # Errors
/// The first failure; packages that are complete stay.
pub fn prepare(
    blobs: &Blobs<'_>,
    packages: &[PackageItem],
    owner: Owner,
    workers: usize,
) -> Result<(), InstallError> {
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some(package) = packages.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = one(blobs, package, owner) {
                failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
                return;
            }
        }
    };
    let request = crate::log::request();
    let other = || {
        let _about = crate::log::about(&request);
        work();
    };
    std::thread::scope(|scope| {
        for _ in 1..workers.min(packages.len()) {
            scope.spawn(other);
        }
        work();
    });
    failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}

fn one(blobs: &Blobs<'_>, package: &PackageItem, owner: Owner) -> Result<(), InstallError> {
    let item = &package.item;
    if item.directory.is_dir() {
        return Ok(());
    }
    let name = || item.name.clone();
    if let Some(parent) = item.directory.parent() {
        files::directory(parent, 0o755, owner)?;
    }
    let archive = blobs.fetch(&package.source, &package.digest);
    let archive = archive.map_err(|source| InstallError::Fetch {
        name: name(),
        source,
    })?;
    unpack(archive.path(), &item.directory, |directory| {
        files::directory(directory, 0o755, owner).map_err(UnpackError::from)
    })
    .map_err(|source| InstallError::Package {
        name: name(),
        source,
    })
}

/// Makes the links.
///
/// # Errors
/// [`InstallError::File`].
pub fn enable(paths: &crate::paths::Paths, packages: &[PackageItem]) -> Result<(), InstallError> {
    for package in packages {
        files::link(
            &super::apply::link_target(paths, &package.item.directory),
            &package.item.link,
        )?;
    }
    Ok(())
}
