//! A directory of the host as an image.

use std::fs::{DirEntry, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{LayerName, Source};
use crate::layer::DigestOfMany;
use crate::store::SourceError;

/// One layer that is a copy of a directory, as it was when it was first asked for. It is known by
/// what the file system tells of all its entries, times of change among them, so that an unchanged
/// directory is copied once.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    layers: [LayerName; 1],
}

impl Directory {
    /// Looks at every entry of the directory, without reading files. What is mounted below is left
    /// out.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    pub fn new(path: &Path) -> std::io::Result<Self> {
        let path = path.canonicalize()?;
        let top = std::fs::symlink_metadata(&path)?;
        if !top.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        let mut all = DigestOfMany::new(path.as_os_str().as_bytes());
        all.add(&facts(&top));
        let mut rest = vec![path.clone()];
        while let Some(directory) = rest.pop() {
            let listed = std::fs::read_dir(&directory)?;
            let mut entries = listed.collect::<Result<Vec<DirEntry>, _>>()?;
            entries.sort_by_key(DirEntry::file_name);
            for entry in entries {
                let meta = entry.metadata()?;
                all.add(entry.path().as_os_str().as_bytes());
                all.add(&facts(&meta));
                if meta.is_dir() && meta.dev() == top.dev() {
                    rest.push(entry.path());
                }
            }
        }
        Ok(Self {
            path,
            layers: [LayerName::Source(all.finish())],
        })
    }
}

/// Any change of an entry changes its `ctime`.
fn facts(meta: &Metadata) -> Vec<u8> {
    let change = (meta.ctime(), meta.ctime_nsec());
    format!("{:?}", (meta.dev(), meta.ino(), meta.size(), change)).into_bytes()
}

impl Source for Directory {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, _index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Err("a directory is copied, not read".into())
    }

    fn directory(&self, _index: usize) -> Option<&Path> {
        Some(&self.path)
    }
}
