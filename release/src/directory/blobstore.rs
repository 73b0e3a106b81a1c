//! The blobstore of a release: a directory, with files under names that mean nothing.
//!
//! A relative `blobstore_path` begins at the release directory. Other providers need a client of
//! theirs and are an error that says so.

use std::io::Read;
use std::path::{Path, PathBuf};

use warren_wire_release::directory::is_inside;

use super::error::file;
use super::write::copy;
use super::{Directory, Error};

/// A local blobstore.
pub(super) struct Store {
    path: PathBuf,
}

impl Store {
    /// The one that the configuration names.
    pub(super) fn open(directory: &Directory) -> Result<Self, Error> {
        let blobstore = directory.config()?.blobstore;
        match blobstore.provider.as_str() {
            "" => Err(Error::NoBlobstore),
            "local" => match blobstore.option("blobstore_path") {
                Some(path) if !path.is_empty() => Ok(Self {
                    path: directory.root().join(path),
                }),
                _ => Err(Error::NoBlobstorePath),
            },
            provider => Err(Error::Provider {
                provider: provider.to_owned(),
            }),
        }
    }

    /// Where a file is; `document` is where its name was read. `None` if it is not there.
    pub(super) fn find(&self, id: &str, document: &Path) -> Result<Option<PathBuf>, Error> {
        if !is_inside(id) {
            return Err(Error::Outside {
                document: document.to_owned(),
                path: id.chars().take(200).collect(),
            });
        }
        let path = self.path.join(id);
        let is_there = path.try_exists().map_err(file("look at", &path))?;
        Ok(is_there.then_some(path))
    }

    /// Puts a copy of a file there, under a new name.
    pub(super) fn put(&self, from: &Path) -> Result<String, Error> {
        let id = new_id()?;
        copy(from, &self.path.join(&id))?;
        Ok(id)
    }
}

/// A random UUID, version 4. Source: RFC 9562.
pub(super) fn new_id() -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0u8; 16];
    let mut random = std::fs::File::open(source).map_err(file("open", source))?;
    random
        .read_exact(&mut bytes)
        .map_err(file("read", source))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    ))
}
