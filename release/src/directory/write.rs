//! Files that are replaced as a whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Error;
use super::error::file;

/// A file's content; `None` if there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file("read", path)(error)),
    }
}

/// Puts a text in a file's place.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let mut new = new_beside(path)?;
    new.write_all(text.as_bytes())
        .map_err(file("write", path))?;
    put(new, path)
}

/// A file to be written and [`put`] at `path`.
pub(super) fn new_beside(path: &Path) -> Result<NamedTempFile, Error> {
    let parent = parent(path);
    fs::create_dir_all(&parent).map_err(file("make", &parent))?;
    let mut builder = tempfile::Builder::new();
    // Others may read what a release directory has.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let made = builder
        .prefix(".new-")
        .permissions(permissions)
        .tempfile_in(&parent);
    made.map_err(file("make a file in", &parent))
}

/// Puts a new file where it belongs, written to disk.
pub(super) fn put(new: NamedTempFile, path: &Path) -> Result<(), Error> {
    new.as_file().sync_all().map_err(file("write", path))?;
    let put = new.persist(path).map_err(|error| error.error);
    put.map(|_| ()).map_err(file("put into place", path))
}

/// Copies a file, whole or not at all.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source = fs::File::open(from).map_err(file("open", from))?;
    let mut new = new_beside(to)?;
    io::copy(&mut source, &mut new).map_err(file("copy", from))?;
    put(new, to)
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
