//! The directory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::{Error, id};

/// A blob that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Bytes.
    pub size: u64,
    /// Hex.
    pub sha1: String,
    /// Hex.
    pub sha256: String,
}

impl Stored {
    /// Its digest as clients of today want it.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("sha256:{}", self.sha256)
    }
}

/// Where in the directory of blobs those are that are being written: a directory for each process, which
/// stays when the process is killed, to be removed by whoever knows that it is gone.
pub const WRITING: &str = ".writing";

/// Blobs in a directory. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Local {
    directory: Arc<PathBuf>,
    writing: Arc<PathBuf>,
    writes: Arc<AtomicU64>,
}

impl Local {
    /// Blobs below `directory`, which is made. What is not finished is in [`WRITING`]`/process/`, so that
    /// several processes can have the directory; `process` is what no other one of them is called.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn open(directory: &Path, process: &str) -> Result<Self, Error> {
        let writing = directory.join(WRITING).join(process);
        fs::create_dir_all(&writing)
            .await
            .map_err(failed("make", &writing))?;
        Ok(Self {
            directory: Arc::new(directory.to_owned()),
            writing: Arc::new(writing),
            writes: Arc::default(),
        })
    }

    /// Where the blob called `id` is, or would be.
    ///
    /// # Errors
    /// [`Error::Id`].
    pub fn path(&self, id: &str) -> Result<PathBuf, Error> {
        if !id::is_valid(id) {
            return Err(Error::Id { id: id.to_owned() });
        }
        Ok(self.directory.join(id::prefix(id)).join(id))
    }

    /// Writes a blob under a new id.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn create(&self, from: impl AsyncRead + Unpin) -> Result<Stored, Error> {
        let id = id::random()
            .map_err(|error| failed("find randomness for", &self.directory)(error.into()))?;
        self.put(&id, from).await
    }

    /// Writes a blob under this id, in the place of one that there is.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Id`].
    pub async fn put(&self, id: &str, mut from: impl AsyncRead + Unpin) -> Result<Stored, Error> {
        let path = self.path(id)?;
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let writing = self.writing.join(format!("{id}-{number}"));
        let unfinished = Unfinished(Some(writing.clone()));
        let mut file = File::create(&writing)
            .await
            .map_err(failed("write", &writing))?;
        let (mut sha1, mut sha256, mut size) = (Sha1::new(), Sha256::new(), 0);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let count = from
                .read(&mut buffer)
                .await
                .map_err(failed("read what goes to", &path))?;
            if count == 0 {
                break;
            }
            sha1.update(&buffer[..count]);
            sha256.update(&buffer[..count]);
            size += count as u64;
            file.write_all(&buffer[..count])
                .await
                .map_err(failed("write", &writing))?;
        }
        file.sync_all().await.map_err(failed("write", &writing))?;
        drop(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .await
                .map_err(failed("make", parent))?;
        }
        fs::rename(&writing, &path)
            .await
            .map_err(failed("put a blob to", &path))?;
        unfinished.finish();
        Ok(Stored {
            id: id.to_owned(),
            size,
            sha1: hex(&sha1.finalize()),
            sha256: hex(&sha256.finalize()),
        })
    }

    /// Opens a blob; the answer is its file and size.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open_blob(&self, id: &str) -> Result<(File, u64), Error> {
        let path = self.path(id)?;
        let file = File::open(&path).await.map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                Error::Missing { id: id.to_owned() }
            } else {
                failed("open", &path)(error)
            }
        })?;
        let size = file
            .metadata()
            .await
            .map_err(failed("look at", &path))?
            .len();
        Ok((file, size))
    }

    /// Reads a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn read(&self, id: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let (file, size) = self.open_blob(id).await?;
        if size > limit {
            return Err(Error::TooLarge {
                id: id.to_owned(),
                size,
                limit,
            });
        }
        let mut bytes = Vec::new();
        file.take(limit)
            .read_to_end(&mut bytes)
            .await
            .map_err(failed("read", &self.path(id)?))?;
        Ok(bytes)
    }

    /// Whether there is such a blob.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn exists(&self, id: &str) -> Result<bool, Error> {
        let path = self.path(id)?;
        fs::try_exists(&path)
            .await
            .map_err(failed("look at", &path))
    }

    /// Removes a blob; the answer is whether it was there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        let path = self.path(id)?;
        match fs::remove_file(&path).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    /// Copies a blob to an id that none has, without reading it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn copy(&self, id: &str, new: &str) -> Result<(), Error> {
        let (from, to) = (self.path(id)?, self.path(new)?);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)
                .await
                .map_err(failed("make", parent))?;
        }
        // Blobs are never written to again, so that two names of one file are as good as two files.
        match fs::hard_link(&from, &to).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::Missing { id: id.to_owned() })
            }
            Err(error) => Err(failed("copy", &from)(error)),
        }
    }
}

/// A file that is removed unless it is finished.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What cannot be removed now goes with the process's directory.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { step, path, source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
