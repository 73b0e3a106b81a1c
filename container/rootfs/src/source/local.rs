//! A tar archive in a file.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{LayerName, Source};
use crate::layer::Digest;
use crate::store::SourceError;

/// One layer from a file; it is known by device, inode, size and times of change, so that an unchanged
/// file is never read twice, whatever path it is seen at: a container may see it at another one.
#[derive(Debug)]
pub struct LocalTar {
    path: PathBuf,
    layers: [LayerName; 1],
}

impl LocalTar {
    /// Looks at the file, without reading it.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(path: &Path) -> std::io::Result<Self> {
        let path = path.canonicalize()?;
        let meta = std::fs::metadata(&path)?;
        if !meta.is_file() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        let file = (meta.dev(), meta.ino(), meta.len());
        let changed = (meta.mtime(), meta.mtime_nsec());
        let touched = (meta.ctime(), meta.ctime_nsec());
        let name = format!("file {:?}", (file, changed, touched));
        Ok(Self {
            path,
            layers: [LayerName::Source(Digest::of(name.as_bytes()))],
        })
    }
}

impl Source for LocalTar {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, _index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Ok(Box::new(File::open(&self.path)?))
    }
}
