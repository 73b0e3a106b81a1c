//! Blobs: large files below `blobs/` that `config/blobs.yml` lists and a blobstore keeps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use warren_wire_release::MultiDigest;
use warren_wire_release::directory::{Blob, Blobs, is_inside};

use super::blobstore::Store;
use super::error::file;
use super::write::{copy, new_beside, put, read_if_there, replace};
use super::{Directory, Error, Event, Reporter, cache};
use crate::hash::Hashing;

/// A blob that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its path below `blobs/`.
    pub path: String,
    /// What is listed of it.
    pub blob: Blob,
}

fn list_path(directory: &Directory) -> PathBuf {
    directory.config_path("blobs.yml")
}

fn blob_path(directory: &Directory, path: &str) -> PathBuf {
    directory.root().join("blobs").join(path)
}

fn checked(path: &str, document: PathBuf) -> Result<(), Error> {
    if is_inside(path) {
        return Ok(());
    }
    let path = path.chars().take(200).collect();
    Err(Error::Outside { document, path })
}

/// What is listed.
///
/// # Errors
/// [`Error`], [`Error::NoDirectory`]; also for a path that leaves `blobs/`.
pub fn blobs(directory: &Directory) -> Result<Blobs, Error> {
    directory.is_one()?;
    let path = list_path(directory);
    let bytes = read_if_there(&path)?.unwrap_or_default();
    let blobs = Blobs::parse(&bytes).map_err(|source| Error::Yaml {
        path: path.clone(),
        source,
    })?;
    for blob in blobs.0.keys() {
        checked(blob, path.clone())?;
    }
    Ok(blobs)
}

/// Adds a file, or replaces what is listed under its path. It is in no blobstore yet.
///
/// # Errors
/// [`Error`].
pub fn add_blob(directory: &Directory, from: &Path, path: &str) -> Result<Added, Error> {
    checked(path, list_path(directory))?;
    let mut blobs = blobs(directory)?;
    let to = blob_path(directory, path);
    let mut source = Hashing::new(fs::File::open(from).map_err(file("open", from))?);
    let mut new = new_beside(&to)?;
    io::copy(&mut source, &mut new).map_err(file("copy", from))?;
    put(new, &to)?;
    let sums = source.sums();
    let blob = Blob {
        size: sums.bytes(),
        object_id: None,
        sha: sums.sha256(),
    };
    blobs.0.insert(path.to_owned(), blob.clone());
    replace(&list_path(directory), &blobs.to_yaml())?;
    let path = path.to_owned();
    Ok(Added { path, blob })
}

/// Removes a blob from the list and from `blobs/`; whether it was listed.
///
/// # Errors
/// [`Error`].
pub fn remove_blob(directory: &Directory, path: &str) -> Result<bool, Error> {
    checked(path, list_path(directory))?;
    let mut blobs = blobs(directory)?;
    let was_listed = blobs.0.remove(path).is_some();
    if was_listed {
        replace(&list_path(directory), &blobs.to_yaml())?;
    }
    let there = blob_path(directory, path);
    match fs::remove_file(&there) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("remove", &there)(error)),
        _ => Ok(was_listed),
    }
}

/// Makes `blobs/` what is listed: brings what is missing or different from the blobstore, removes
/// what is not listed. Listed blobs that are only here stay.
///
/// # Errors
/// [`Error`]; [`Error::Link`] before anything is changed.
pub fn sync_blobs(directory: &Directory, report: Reporter<'_>) -> Result<(), Error> {
    let blobs = blobs(directory)?;
    let top = directory.root().join("blobs");
    let there = files_below(&top)?;
    for path in there {
        let name = path
            .strip_prefix(&top)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if !blobs.0.contains_key(&name) {
            fs::remove_file(&path).map_err(file("remove", &path))?;
            report(Event::Removed { what: &name });
        }
    }
    let list = list_path(directory);
    let mut store = None;
    for (name, blob) in &blobs.0 {
        let path = blob_path(directory, name);
        let digest: MultiDigest = blob.sha.parse().map_err(|source| Error::BadDigest {
            path: list.clone(),
            source,
        })?;
        if path.try_exists().map_err(file("look at", &path))? {
            match (cache::check(&path, &digest), &blob.object_id) {
                (Ok(()), _) => continue,
                // What is only here is all there is of it.
                (Err(error), None) => return Err(error),
                (Err(Error::Digest { .. }), Some(_)) => {}
                (Err(error), Some(_)) => return Err(error),
            }
        }
        let nowhere = || Error::NoBlob { path: name.clone() };
        let id = blob.object_id.as_ref().ok_or_else(nowhere)?;
        let store = match &store {
            Some(store) => store,
            None => store.insert(Store::open(directory)?),
        };
        report(Event::Downloading { what: name });
        let kept = store.find(id, &list)?.ok_or_else(nowhere)?;
        cache::check(&kept, &digest)?;
        copy(&kept, &path)?;
        report(Event::Downloaded { what: name });
    }
    Ok(())
}

/// Puts what is only here into the blobstore.
///
/// # Errors
/// [`Error`]; blobs before the one that failed are listed as being there.
pub fn upload_blobs(directory: &Directory, report: Reporter<'_>) -> Result<(), Error> {
    let mut blobs = blobs(directory)?;
    let new: Vec<String> = blobs
        .0
        .iter()
        .filter(|(_, blob)| blob.object_id.is_none())
        .map(|(path, _)| path.clone())
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let store = Store::open(directory)?;
    for name in new {
        let Some(blob) = blobs.0.get_mut(&name) else {
            continue;
        };
        let path = blob_path(directory, &name);
        if !path.try_exists().map_err(file("look at", &path))? {
            return Err(Error::NoBlob { path: name });
        }
        let digest: MultiDigest = blob.sha.parse().map_err(|source| Error::BadDigest {
            path: list_path(directory),
            source,
        })?;
        cache::check(&path, &digest)?;
        report(Event::Uploading { what: &name });
        let id = store.put(&path)?;
        blob.object_id = Some(id.clone());
        replace(&list_path(directory), &blobs.to_yaml())?;
        report(Event::Uploaded {
            what: &name,
            id: &id,
        });
    }
    Ok(())
}

/// All files below a directory; a symbolic link is an error.
fn files_below(top: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    if top.is_symlink() {
        let path = top.to_owned();
        return Err(Error::Link { path });
    }
    if !top.try_exists().map_err(file("look at", top))? {
        return Ok(files);
    }
    let mut rest = vec![top.to_owned()];
    while let Some(folder) = rest.pop() {
        for entry in fs::read_dir(&folder).map_err(file("list", &folder))? {
            let entry = entry.map_err(file("list", &folder))?;
            let kind = entry.file_type().map_err(file("look at", &entry.path()))?;
            if kind.is_symlink() {
                return Err(Error::Link { path: entry.path() });
            }
            if kind.is_dir() {
                rest.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}
