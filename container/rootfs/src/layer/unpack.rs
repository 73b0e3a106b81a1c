//! Unpacking: entries of an archive into a directory, digests checked.
//!
//! Of entries with the same path the last one counts, as with tar(1), and a file is never written
//! through: what is there is removed first, so that other names of it keep their content. A
//! whiteout hides only what is below the layer; an entry of the same name in the same layer stands,
//! and if it is a directory, as an opaque one.

use std::io::Read;
use std::os::fd::OwnedFd;

use super::beneath::{EntryError, Root};
use super::compression::Compression;
use super::digest::Digest;
use super::hidden::Hidden;
use super::marker::Markers;
use super::path::InvalidPath;
use super::stream;
use warren_lib_tar::{self as tar, Reader};

mod entries;

/// What a blob is expected to be; `None` is not checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// Digest of the bytes as given.
    pub blob: Option<Digest>,
    /// Number of bytes as given.
    pub blob_size: Option<u64>,
    /// Digest of the uncompressed bytes.
    pub diff_id: Option<Digest>,
}

/// Bounds of one layer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of data in files; holes do not count.
    pub bytes: u64,
    /// Most entries.
    pub entries: u64,
}

impl Default for Limits {
    /// No bound on bytes, ten million entries.
    fn default() -> Self {
        Self {
            bytes: u64::MAX,
            entries: 10_000_000,
        }
    }
}

/// What an archive holds that could not be kept, by the caller's privileges or the file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Dropped {
    /// Devices (`EPERM` in a user namespace).
    pub devices: u64,
    /// Extended attributes that were refused.
    pub xattrs: u64,
    /// Attributes and devices by which overlayfs would take orders from the archive, and aufs's
    /// book-keeping. Never kept.
    pub reserved: u64,
}

/// A layer unpacked.
#[derive(Debug, Clone)]
pub struct Unpacked {
    /// How the blob was compressed.
    pub compression: Compression,
    /// Digest of the bytes as given.
    pub blob: Digest,
    /// How many there were.
    pub blob_size: u64,
    /// Digest of the uncompressed bytes.
    pub diff_id: Digest,
    /// Bytes of data in files.
    pub bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// What it hides of the layers below.
    pub hidden: Hidden,
    /// What could not be kept.
    pub dropped: Dropped,
}

/// A layer could not be unpacked. The directory may hold part of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive, or what it is compressed with, is malformed or cut off.
    #[error("cannot read the layer")]
    Archive(#[from] tar::Error),
    /// A name that no entry may have.
    #[error("the archive has an entry {path:?}")]
    Path {
        /// The name; what is not printable is escaped.
        path: String,
        /// What is wrong with it.
        source: InvalidPath,
    },
    /// The root of the archive is something else than a directory.
    #[error("the archive has a root that is no directory")]
    Root,
    /// The kernel refused an entry.
    #[error("cannot unpack an entry")]
    Entry(#[from] EntryError),
    /// The bytes as given have another digest.
    #[error("the layer's digest is {actual}, expected {expected}")]
    BlobDigest {
        /// As asked.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// The bytes as given are more or fewer.
    #[error("the layer has {actual} bytes, expected {expected}")]
    BlobSize {
        /// As asked.
        expected: u64,
        /// As counted; at least that many, where it is more.
        actual: u64,
    },
    /// The uncompressed bytes have another digest.
    #[error("the uncompressed layer's digest is {actual}, expected {expected}")]
    DiffId {
        /// As asked.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// More data than allowed.
    #[error("the layer's files have more than {limit} bytes")]
    TooManyBytes {
        /// The bound.
        limit: u64,
    },
    /// More entries than allowed.
    #[error("the layer has more than {limit} entries")]
    TooManyEntries {
        /// The bound.
        limit: u64,
    },
    /// The thread that decompresses ended early.
    #[error("decompression ended without a result")]
    Worker,
}

/// Unpacks a blob into `directory`, which must be empty, be nobody else's and not lie behind a
/// mount below it. Nothing is synced to disk.
///
/// # Errors
/// [`Error`].
pub fn unpack(
    blob: impl Read + Send,
    directory: OwnedFd,
    markers: Markers,
    expected: Expected,
    limits: Limits,
) -> Result<Unpacked, Error> {
    let root = Root::new(directory)?;
    // One byte more than expected is enough to know.
    let most = expected
        .blob_size
        .map_or(u64::MAX, |size| size.saturating_add(1));
    let blob = blob.take(most);
    std::thread::scope(|scope| {
        let (plain, worker) = stream::start(scope, blob);
        let mut archive = Reader::new(plain);
        let mut entries = entries::Entries::new(root, markers, limits);
        let outcome = entries
            .all(&mut archive)
            .and_then(|()| Ok(archive.drain()?));
        // Ends the worker where it still has something to hand over.
        drop(archive);
        let sums = worker.join();
        outcome?;
        let sums = sums.ok().flatten().ok_or(Error::Worker)?;
        check(&sums, expected)?;
        let (hidden, dropped, bytes, count) = entries.finish()?;
        Ok(Unpacked {
            compression: sums.compression,
            blob: sums.blob,
            blob_size: sums.blob_size,
            diff_id: sums.diff_id,
            bytes,
            entries: count,
            hidden,
            dropped,
        })
    })
}

fn check(sums: &stream::Sums, expected: Expected) -> Result<(), Error> {
    let (actual, size) = (sums.blob, sums.blob_size);
    if let Some(expected) = expected.blob_size.filter(|expected| *expected != size) {
        return Err(Error::BlobSize {
            expected,
            actual: size,
        });
    }
    if let Some(expected) = expected.blob.filter(|expected| *expected != actual) {
        return Err(Error::BlobDigest { expected, actual });
    }
    let actual = sums.diff_id;
    if let Some(expected) = expected.diff_id.filter(|expected| *expected != actual) {
        return Err(Error::DiffId { expected, actual });
    }
    Ok(())
}
