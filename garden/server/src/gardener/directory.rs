//! A directory as an image: packed on the fly, unpacked into the store as one layer.
//!
//! The layer is known by what the directory's entries say of themselves (the time of the last change
//! of an inode among it), so that an unchanged directory is never read twice.

use std::fmt::Write;
use std::io::{PipeReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::{LayerName, Source};
use warren_container_rootfs::store::SourceError;
use warren_container_stream::archive;

/// A directory.
pub(super) struct Directory {
    /// With a slash at its end: what is in it is packed, not the directory itself.
    path: PathBuf,
    layers: [LayerName; 1],
}

impl Directory {
    /// Looks at all entries, without reading files.
    pub(super) fn new(path: &Path) -> std::io::Result<Self> {
        let mut inside = path.canonicalize()?.into_os_string();
        inside.push("/");
        let path = PathBuf::from(inside);
        let mut name = String::new();
        look(&path, &mut name)?;
        let id = Digest::of(name.as_bytes());
        Ok(Self {
            path,
            layers: [LayerName::Source(id)],
        })
    }
}

/// Adds a line for each entry below `root`.
fn look(root: &Path, name: &mut String) -> std::io::Result<()> {
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(&directory)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        for path in entries {
            let meta = std::fs::symlink_metadata(&path)?;
            let own = (meta.ino(), meta.mode(), meta.uid(), meta.gid(), meta.len());
            let times = (
                meta.mtime(),
                meta.mtime_nsec(),
                meta.ctime(),
                meta.ctime_nsec(),
            );
            // Writing to a string does not fail.
            let _ = writeln!(name, "{path:?} {own:?} {times:?}");
            if meta.is_dir() {
                left.push(path);
            }
        }
    }
    Ok(())
}

impl Source for Directory {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, _index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let (from, to) = std::io::pipe()?;
        let path = self.path.clone();
        let packing = std::thread::Builder::new().spawn(move || archive(to, &path))?;
        Ok(Box::new(Packed {
            from,
            packing: Some(packing),
        }))
    }
}

/// The archive while it is packed. Its end is an error if not all of it could be read.
struct Packed {
    from: PipeReader,
    packing: Option<JoinHandle<Result<(), warren_container_stream::Error>>>,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        match self.packing.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(0),
            Some(Ok(Err(error))) => Err(std::io::Error::other(error)),
            Some(Err(_panic)) => Err(std::io::Error::other("packing broke down")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_has_what_is_in_it_and_the_name_changes_with_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("a")).unwrap();
        std::fs::write(root.path().join("a/file"), "content").unwrap();
        let source = Directory::new(root.path()).unwrap();
        let mut bytes = Vec::new();
        source.open(0).unwrap().read_to_end(&mut bytes).unwrap();
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(has("./a/file") && has("content"));
        let same = Directory::new(root.path()).unwrap();
        assert_eq!(source.layers(), same.layers());
        std::fs::write(root.path().join("a/file"), "changed").unwrap();
        let changed = Directory::new(root.path()).unwrap();
        assert_ne!(source.layers(), changed.layers());
    }

    #[test]
    fn what_vanishes_before_it_is_read_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let source = Directory::new(root.path()).unwrap();
        root.close().unwrap();
        let mut bytes = Vec::new();
        assert!(source.open(0).unwrap().read_to_end(&mut bytes).is_err());
    }
}
