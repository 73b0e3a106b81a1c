//! Layers: finding, making, leasing.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::base::Base;
use super::lock::{Hold, Lock};
use super::shared::known_in;
use super::work::Work;
use super::{Error, Store, io, sync_directory, write_whole};
use crate::layer::{Compression, Digest, Dropped, Expected, Hidden, Unpacked, unpack};

/// What is kept of a layer beside its content (`layer.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// SHA-256 of its uncompressed archive.
    pub diff_id: Digest,
    /// SHA-256 of what it was unpacked from.
    pub blob: Digest,
    /// Bytes of that.
    pub blob_size: u64,
    /// How that was compressed.
    pub compression: Compression,
    /// Bytes of data in its files.
    pub bytes: u64,
    /// Entries of its archive.
    pub entries: u64,
    /// What could not be kept of it.
    pub dropped: Dropped,
}

/// A layer that cannot go as long as this is held.
#[derive(Debug)]
pub struct Lease {
    layer: Digest,
    directory: PathBuf,
    /// Where what is made of it goes.
    own: PathBuf,
    _lock: Lock,
}

impl Lease {
    /// Which layer.
    pub fn layer(&self) -> Digest {
        self.layer
    }

    /// Its content.
    pub fn diff(&self) -> PathBuf {
        self.directory.join("diff")
    }

    /// Where what this store makes of it goes; need not be there.
    pub(crate) fn own(&self) -> &Path {
        &self.own
    }

    /// What is known of it.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Damaged`].
    pub fn info(&self) -> Result<LayerInfo, Error> {
        let path = self.directory.join("layer.json");
        let bytes = std::fs::read(&path).map_err(io("read", &path))?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Damaged {
            path,
            source: source.into(),
        })
    }

    /// What it hides of the layers below it.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Damaged`].
    pub fn hidden(&self) -> Result<Hidden, Error> {
        let path = self.directory.join("hidden");
        let bytes = std::fs::read(&path).map_err(io("read", &path))?;
        Hidden::from_bytes(&bytes).map_err(|source| Error::Damaged {
            path,
            source: source.into(),
        })
    }
}

/// Whatever a source fails with.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

impl Store {
    /// The layer with this digest of its uncompressed archive; unpacked from `open` if the store
    /// lacks it. However many processes ask for it, one unpacks, the others wait.
    ///
    /// # Errors
    /// [`Error::Source`], [`Error::Unpack`], [`Error::Io`]; nothing half made is left.
    pub fn layer<R: Read + Send>(
        &self,
        diff_id: Digest,
        blob: Option<Digest>,
        open: impl FnOnce() -> Result<R, SourceError>,
    ) -> Result<Lease, Error> {
        let expected = Expected {
            diff_id: Some(diff_id),
            blob,
            ..Expected::default()
        };
        self.make(diff_id, expected, None, open)
    }

    /// As [`layer`](Self::layer), with more to check, and below a base directory.
    pub(crate) fn make<R: Read + Send>(
        &self,
        diff_id: Digest,
        expected: Expected,
        base: Option<&Base>,
        open: impl FnOnce() -> Result<R, SourceError>,
    ) -> Result<Lease, Error> {
        let layer = base.map_or(diff_id, |base| base.identity(&diff_id));
        if let Some(lease) = self.lease(layer)? {
            return Ok(lease);
        }
        let making = self.making(&layer)?;
        if !self.layer_path(&layer).exists() {
            let (work, _) = self.unpack_into_work(layer, expected, base, open)?;
            Self::in_room(layer, &work, || self.commit(&work, &layer))?;
        }
        let lease = self.lease(layer)?;
        drop(making);
        lease.ok_or(Error::NoLayer { layer })
    }

    /// The lock of whoever makes a layer. It is not the one that leases share: waiting for the end
    /// of others' leases while holding some oneself could last for ever.
    fn making(&self, layer: &Digest) -> Result<Lock, Error> {
        let path = self.lock_path("making", &layer.hex());
        Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))
    }

    /// The layer of a source whose content is not known before it is read, such as a local file.
    /// `source` names it and must change whenever the content does.
    ///
    /// # Errors
    /// As [`layer`](Self::layer).
    pub fn layer_of_source<R: Read + Send>(
        &self,
        source: Digest,
        open: impl FnOnce() -> Result<R, SourceError>,
    ) -> Result<Lease, Error> {
        self.make_of_source(source, Expected::default(), None, open)
    }

    /// As [`layer_of_source`](Self::layer_of_source), with something to check after all, and below
    /// a base directory.
    pub(crate) fn make_of_source<R: Read + Send>(
        &self,
        source: Digest,
        expected: Expected,
        base: Option<&Base>,
        open: impl FnOnce() -> Result<R, SourceError>,
    ) -> Result<Lease, Error> {
        let source = base.map_or(source, |base| base.identity(&source));
        self.named_by_source(source, || {
            let (work, unpacked) = self.unpack_into_work(source, expected, base, open)?;
            let diff_id = unpacked.diff_id;
            let layer = base.map_or(diff_id, |base| base.identity(&diff_id));
            Ok((work, layer))
        })
    }

    /// A layer that is a copy of a directory. `source` names it and must change whenever the
    /// directory does.
    pub(crate) fn layer_of_directory(&self, source: Digest, from: &Path) -> Result<Lease, Error> {
        self.named_by_source(source, || {
            let tmp = self.tmp();
            let work = Work::new(&tmp).map_err(io("make a directory in", &tmp))?;
            Self::in_room(source, &work, || {
                let made = make_layer_directory(&work)?;
                let info = super::directory::copy_into(from, &made.join("diff"), source)?;
                write_info(&made, &info, &Hidden::default())
            })?;
            // What it is named by stands for its content: no archive was read.
            Ok((work, source))
        })
    }

    fn named_by_source(
        &self,
        source: Digest,
        make: impl FnOnce() -> Result<(Work, Digest), Error>,
    ) -> Result<Lease, Error> {
        if let Some(lease) = self.known_source(&source)? {
            return Ok(lease);
        }
        let path = self.lock_path("source", &source.hex());
        let lock = Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))?;
        if let Some(lease) = self.known_source(&source)? {
            return Ok(lease);
        }
        let (work, layer) = make()?;
        let making = self.making(&layer)?;
        if !self.has(&layer) {
            Self::in_room(layer, &work, || self.commit(&work, &layer))?;
        }
        let lease = self.lease(layer)?;
        drop(making);
        let lease = lease.ok_or(Error::NoLayer { layer })?;
        write_whole(&self.source_path(&source), layer.hex().as_bytes())?;
        drop(lock);
        Ok(lease)
    }

    /// A lease on a layer that is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn lease(&self, layer: Digest) -> Result<Option<Lease>, Error> {
        let directory = self.layer_path(&layer);
        // Asking for what is not there should not leave a lock's file.
        if !directory.exists() {
            return self.lease_shared(layer);
        }
        let lease = self.leased(layer, directory.clone(), directory.clone())?;
        match directory.exists() {
            true => Ok(Some(lease)),
            false => self.lease_shared(layer),
        }
    }

    /// A lease on a layer in that directory.
    pub(super) fn leased(
        &self,
        layer: Digest,
        directory: PathBuf,
        own: PathBuf,
    ) -> Result<Lease, Error> {
        let path = self.lock_path("layer", &layer.hex());
        let lock = Lock::wait(&path, Hold::Shared).map_err(io("lock", &path))?;
        Ok(Lease {
            layer,
            directory,
            own,
            _lock: lock,
        })
    }

    pub(crate) fn source_path(&self, source: &Digest) -> PathBuf {
        self.root.join("sources").join(source.hex())
    }

    fn known_source(&self, source: &Digest) -> Result<Option<Lease>, Error> {
        let here = match known_in(&self.source_path(source))? {
            Some(layer) => self.lease(layer)?,
            None => None,
        };
        match here {
            Some(lease) => Ok(Some(lease)),
            None => self.source_shared(source),
        }
    }

    fn unpack_into_work<R: Read + Send>(
        &self,
        layer: Digest,
        expected: Expected,
        base: Option<&Base>,
        open: impl FnOnce() -> Result<R, SourceError>,
    ) -> Result<(Work, Unpacked), Error> {
        let blob = open().map_err(|source| Error::Source { layer, source })?;
        let tmp = self.tmp();
        let work = Work::new(&tmp).map_err(io("make a directory in", &tmp))?;
        let unpacked = Self::in_room(layer, &work, || {
            let made = make_layer_directory(&work)?;
            let mut target = made.join("diff");
            if let Some(base) = base {
                target = base.make_in(&target)?;
            }
            let directory = File::open(&target).map_err(io("open", &target))?;
            let markers = self.report.markers;
            let unpacked = unpack(blob, directory.into(), markers, expected, self.limits)
                .map_err(|source| Error::Unpack { layer, source })?;
            let hidden = match base {
                Some(base) => base.hidden(&unpacked.hidden),
                None => unpacked.hidden.clone(),
            };
            write_info(&made, &LayerInfo::from(&unpacked), &hidden)?;
            Ok(unpacked)
        })?;
        Ok((work, unpacked))
    }

    /// Makes the finished layer last, then visible.
    fn commit(&self, work: &Work, layer: &Digest) -> Result<(), Error> {
        let made = work.path().join("layer");
        let directory = File::open(&made).map_err(io("open", &made))?;
        rustix::fs::syncfs(&directory).map_err(io("sync", &made))?;
        let target = self.layer_path(layer);
        std::fs::rename(&made, &target).map_err(io("put into place", &target))?;
        sync_directory(&self.root.join("layers"))
    }
}

/// The directory that becomes a layer, with its empty `diff/`.
fn make_layer_directory(work: &Work) -> Result<PathBuf, Error> {
    let made = work.path().join("layer");
    let diff = made.join("diff");
    let mut builder = DirBuilder::new();
    builder
        .mode(0o700)
        .create(&made)
        .map_err(io("make", &made))?;
    builder
        .mode(0o755)
        .create(&diff)
        .map_err(io("make", &diff))?;
    // The mode above is subject to the umask.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&diff, mode).map_err(io("set the mode of", &diff))?;
    Ok(made)
}

impl From<&Unpacked> for LayerInfo {
    fn from(unpacked: &Unpacked) -> Self {
        Self {
            diff_id: unpacked.diff_id,
            blob: unpacked.blob,
            blob_size: unpacked.blob_size,
            compression: unpacked.compression,
            bytes: unpacked.bytes,
            entries: unpacked.entries,
            dropped: unpacked.dropped,
        }
    }
}

fn write_info(made: &Path, info: &LayerInfo, hidden: &Hidden) -> Result<(), Error> {
    let path = made.join("layer.json");
    let json = serde_json::to_vec_pretty(&info).map_err(|source| Error::Damaged {
        path: path.clone(),
        source: source.into(),
    })?;
    std::fs::write(&path, json).map_err(io("write", &path))?;
    let path = made.join("hidden");
    std::fs::write(&path, hidden.to_bytes()).map_err(io("write", &path))
}
