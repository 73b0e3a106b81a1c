//! Release directories: what is in them, and releases made of them.
//!
//! ```text
//! DIR/
//!   config/final.yml private.yml blobs.yml        name, blobstore, large files
//!   jobs/NAME/spec monit templates/ ...
//!   packages/NAME/spec packaging pre_packaging    or spec.lock: an archive instead of sources
//!   src/ blobs/                                   what packages are made of
//!   LICENSE* NOTICE*
//!   .dev_builds/   {jobs,packages}/NAME/index.yml license/index.yml   archives made here
//!   .final_builds/ the same                                          archives in the blobstore
//!   dev_releases/NAME/  index.yml NAME-VERSION.yml                    development releases
//!   releases/NAME/      the same                                     final releases
//! CACHE/DIGEST          archives by digest; ~/.bosh/cache, shared with the stock command line
//! ```
//!
//! A file is replaced by renaming a whole new one, so a crash leaves the old or the new. Archives
//! come before the index that names them, indexes before the release that needs them: what a crash
//! leaves behind is found, or made again, by the next run.

mod blobs;
mod blobstore;
mod build;
mod cache;
mod create;
mod error;
mod finalize;
mod fingerprint;
mod generate;
mod git;
mod glob;
mod index;
mod init;
mod job;
mod license;
mod member;
mod package;
pub mod plan;
mod read;
mod report;
mod vendor;
mod write;

use std::path::{Path, PathBuf};

use warren_wire_release::directory::{Config, Releases};

pub use blobs::{Added, add_blob, blobs, remove_blob, sync_blobs, upload_blobs};
pub use create::{Create, Created, create, create_from};
pub use error::Error;
pub use finalize::{Finalize, finalize_release};
pub use generate::{generate_job, generate_package};
pub use glob::{InvalidPattern, Pattern};
pub use init::{Init, init, reset};
pub use read::{Part, read};
pub use report::{Event, Kind, Reporter};
pub use vendor::vendor_package;

/// A release directory and the cache of its archives.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    cache: PathBuf,
}

impl Directory {
    /// A release directory. `cache` is made when it is needed.
    pub fn new(root: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            cache: cache.into(),
        }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where its archives are kept.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Its name and blobstore.
    ///
    /// # Errors
    /// [`Error`], [`Error::NoDirectory`] where there is no configuration.
    pub fn config(&self) -> Result<Config, Error> {
        let public = self.config_path("final.yml");
        let private = write::read_if_there(&self.config_path("private.yml"))?;
        let Some(text) = write::read_if_there(&public)? else {
            return Err(Error::NoDirectory {
                path: self.root.clone(),
            });
        };
        Ok(Config::parse(&text, private.as_deref())?)
    }

    /// That it is one: elsewhere nothing is listed, and nothing is taken for left over.
    fn is_one(&self) -> Result<(), Error> {
        let path = self.config_path("final.yml");
        match path.try_exists().map_err(error::file("look at", &path))? {
            true => Ok(()),
            false => Err(Error::NoDirectory {
                path: self.root.clone(),
            }),
        }
    }

    /// Versions there are of a release.
    ///
    /// # Errors
    /// [`Error`].
    pub fn releases(&self, stage: Stage, name: &str) -> Result<Releases, Error> {
        let path = self.releases_path(stage, name).join("index.yml");
        let text = write::read_if_there(&path)?.unwrap_or_default();
        Releases::parse(&text).map_err(|source| Error::Yaml { path, source })
    }

    fn config_path(&self, file: &str) -> PathBuf {
        self.root.join("config").join(file)
    }

    fn releases_path(&self, stage: Stage, name: &str) -> PathBuf {
        let folder = match stage {
            Stage::Dev => "dev_releases",
            Stage::Final => "releases",
        };
        self.root.join(folder).join(name)
    }

    fn builds_path(&self, stage: Stage, kind: Kind, name: &str) -> PathBuf {
        let folder = match stage {
            Stage::Dev => ".dev_builds",
            Stage::Final => ".final_builds",
        };
        let builds = self.root.join(folder);
        match kind {
            Kind::Job => builds.join("jobs").join(name),
            Kind::Package => builds.join("packages").join(name),
            Kind::License => builds.join("license"),
        }
    }
}

/// Who has a release or an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// This directory alone.
    Dev,
    /// All who have the blobstore.
    Final,
}

impl Stage {
    /// In messages.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Dev => "dev",
            Stage::Final => "final",
        }
    }
}
