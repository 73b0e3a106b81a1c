//! Blobs: fetched to files, checked, and stored.
//!
//! A blob with an id is looked for in `data/sensitive_blobs` and `data/blobs` before the blobstore
//! is asked. A signed URL is fetched as it is, with the blobstore's authority. What was fetched is in a temporary file that is gone
//! when its handle is dropped.

pub mod dav;
pub mod external;
pub mod http;
pub mod local;

use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;
use warren_wire_agent::digest::{Algorithm, DigestError, MultiDigest};
use warren_wire_agent::method::arguments::{BlobSource, SignedUrl};
use warren_wire_agent::settings::Blobstore;

use crate::digest::{self, MismatchError};
use crate::files::{self, FileError, NotAName, failed};
use crate::paths::Paths;
use crate::process::ToolError;

/// How often a fetch is tried.
const TRIES: u32 = 3;

/// A blob could not be fetched or stored.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An id that could lead elsewhere.
    #[error(transparent)]
    Id(#[from] NotAName),
    /// A digest that is none.
    #[error("the digest of blob {id} cannot be used")]
    Digest {
        /// Of which blob.
        id: String,
        /// Why not.
        source: DigestError,
    },
    /// Another content.
    #[error("blob {id} is not what it should be")]
    Mismatch {
        /// Which.
        id: String,
        /// How it differs.
        source: MismatchError,
    },
    /// HTTP.
    #[error(transparent)]
    Http(#[from] http::HttpError),
    /// An external client.
    #[error("the blobstore client failed")]
    External(#[source] ToolError),
    /// No blobstore.
    #[error("the settings name no blobstore; give one in env.bosh.blobstores or blobstore")]
    None,
    /// An option that is needed.
    #[error("the {provider} blobstore lacks the option {option}")]
    Option {
        /// Of which provider.
        provider: &'static str,
        /// Which.
        option: &'static str,
    },
    /// A provider that is not there.
    #[error("there is no client for the blobstore {provider:?}: no {path}")]
    Provider {
        /// Which.
        provider: String,
        /// Where its client was looked for.
        path: String,
    },
}

/// Fetches and stores, with the blobstore that the settings name.
pub struct Blobs<'a> {
    /// Where files are.
    pub paths: &'a Paths,
    /// The blobstore.
    pub blobstore: Blobstore,
}

/// Stored blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id, in the agent's own blobstore.
    pub id: Option<String>,
    /// Its digest.
    pub digest: String,
}

impl Blobs<'_> {
    /// Fetches a blob and checks it.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn fetch(&self, source: &BlobSource, digest: &str) -> Result<NamedTempFile, BlobError> {
        let id = match source {
            BlobSource::Blobstore(id) => id.clone(),
            BlobSource::Signed(_) => "behind a signed URL".to_owned(),
        };
        let expected = MultiDigest::parse(digest);
        let expected = expected.map_err(|source| BlobError::Digest {
            id: id.clone(),
            source,
        })?;
        let mut tried = 0;
        loop {
            tried += 1;
            let outcome = self.once(source).and_then(|file| {
                let checked = digest::verify(file.path(), &expected);
                let mismatch = |source| BlobError::Mismatch {
                    id: id.clone(),
                    source,
                };
                checked.map_err(mismatch).map(|()| file)
            });
            match outcome {
                Err(error) if tried < TRIES && may_heal(&error) => {
                    let why = warren_lib_errchain::chain(&error);
                    crate::say!("blob", "fetching blob {id} again: {why}");
                    std::thread::sleep(Duration::from_millis(200 * u64::from(tried)));
                }
                done => return done,
            }
        }
    }

    fn once(&self, source: &BlobSource) -> Result<NamedTempFile, BlobError> {
        let file = self.temporary()?;
        match source {
            BlobSource::Signed(SignedUrl { url, headers }) => {
                self.for_signed()?.get(&url.0, headers, None, file.path())?;
            }
            BlobSource::Blobstore(id) => {
                files::checked_name("blob", id)?;
                let places = [self.paths.sensitive_blobs(), self.paths.blobs()];
                let found = places
                    .iter()
                    .map(|place| place.join(id))
                    .find(|path| path.is_file());
                match found {
                    Some(path) => {
                        files::copy(&path, file.path())?;
                    }
                    None => self.remote_get(id, file.path())?,
                }
            }
        }
        Ok(file)
    }

    fn remote_get(&self, id: &str, to: &Path) -> Result<(), BlobError> {
        match &*self.blobstore.provider {
            "" => Err(BlobError::None),
            "local" => local::get(self.paths, &self.blobstore, id, to),
            "dav" => dav::get(&self.blobstore, id, to),
            _ => external::get(self.paths, &self.blobstore, id, to),
        }
    }

    /// Stores a file in the blobstore under a new id; the digest is a plain SHA-1.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn store(&self, file: &Path) -> Result<Stored, BlobError> {
        let digests = digest::of_file(file, &[Algorithm::Sha1])?;
        let digest = digests.first().map(ToString::to_string).unwrap_or_default();
        let id = crate::id::uuid();
        match &*self.blobstore.provider {
            "" => return Err(BlobError::None),
            "local" => local::put(self.paths, &self.blobstore, &id, file)?,
            "dav" => dav::put(&self.blobstore, &id, file)?,
            _ => external::put(self.paths, &self.blobstore, &id, file)?,
        }
        Ok(Stored {
            id: Some(id),
            digest,
        })
    }

    /// Stores a file behind a signed URL; the digest is of several algorithms.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn store_signed(&self, to: &SignedUrl, file: &Path) -> Result<Stored, BlobError> {
        self.for_signed()?.put(&to.url.0, &to.headers, None, file)?;
        Ok(Stored {
            id: None,
            digest: digest::multi(file)?,
        })
    }

    /// A client for signed URLs: they lead to the blobstore of the settings, whose authority may be known
    /// from there alone.
    fn for_signed(&self) -> Result<http::Client, http::HttpError> {
        http::Client::also_trusting(dav::authority(&self.blobstore))
    }

    /// A file for what is on its way.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn temporary(&self) -> Result<NamedTempFile, FileError> {
        let place = self.paths.tmp();
        std::fs::create_dir_all(&place).map_err(failed("make the directory", &place))?;
        let made = tempfile::Builder::new().prefix("blob-").tempfile_in(&place);
        made.map_err(failed("make a file in", &place))
    }
}

/// Whether it may go better the next time.
fn may_heal(error: &BlobError) -> bool {
    match error {
        BlobError::Http(error) => error.may_heal(),
        BlobError::Mismatch { .. } | BlobError::External(_) => true,
        _ => false,
    }
}
