//! The cache: archives by the text of their digest. An archive is whole or not there.

use std::path::{Path, PathBuf};

use warren_wire_release::MultiDigest;

use super::error::file;
use super::write::{copy, put};
use super::{Directory, Error};
use crate::hash::Sums;

/// Where an archive of this digest is or would be.
fn place(directory: &Directory, digest: &MultiDigest) -> PathBuf {
    directory.cache.join(digest.to_string())
}

/// An archive that is there; an error if it is not what it should be.
pub(super) fn find(directory: &Directory, digest: &MultiDigest) -> Result<Option<PathBuf>, Error> {
    let path = place(directory, digest);
    if !path.try_exists().map_err(file("look at", &path))? {
        return Ok(None);
    }
    check(&path, digest)?;
    Ok(Some(path))
}

/// Puts a new file there.
pub(super) fn keep(
    directory: &Directory,
    digest: &MultiDigest,
    new: tempfile::NamedTempFile,
) -> Result<PathBuf, Error> {
    let path = place(directory, digest);
    put(new, &path)?;
    Ok(path)
}

/// Copies a file there that should have this digest.
pub(super) fn take(
    directory: &Directory,
    digest: &MultiDigest,
    from: &Path,
) -> Result<PathBuf, Error> {
    check(from, digest)?;
    let path = place(directory, digest);
    copy(from, &path)?;
    Ok(path)
}

/// Compares a file with its digest.
pub(super) fn check(path: &Path, digest: &MultiDigest) -> Result<(), Error> {
    let sums = Sums::of_file(path).map_err(file("read", path))?;
    if sums.are(digest) {
        return Ok(());
    }
    let expected = digest.strongest();
    let actual = sums.digest(expected.algorithm());
    Err(Error::Digest {
        path: path.to_owned(),
        expected: expected.to_string(),
        actual: actual.map(|digest| digest.to_string()).unwrap_or_default(),
    })
}
