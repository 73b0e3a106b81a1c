//! Indexes: which archives of a part there are.

use std::path::PathBuf;

use warren_wire_release::directory::{Build, Builds};

use super::write::{read_if_there, replace};
use super::{Directory, Error, Kind, Stage};

/// The index of one part.
pub(super) struct Index {
    path: PathBuf,
    builds: Builds,
}

impl Index {
    /// Reads it; empty if there is none.
    pub(super) fn read(
        directory: &Directory,
        stage: Stage,
        kind: Kind,
        name: &str,
    ) -> Result<Self, Error> {
        let path = directory.builds_path(stage, kind, name).join("index.yml");
        let bytes = read_if_there(&path)?.unwrap_or_default();
        match Builds::parse(&bytes) {
            Ok(builds) => Ok(Self { path, builds }),
            Err(source) => Err(Error::Yaml { path, source }),
        }
    }

    /// The entry of a fingerprint.
    pub(super) fn find(&self, fingerprint: &str) -> Option<&Build> {
        self.builds.find(fingerprint)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Adds or replaces an entry.
    pub(super) fn add(&mut self, build: Build) -> Result<(), Error> {
        self.builds
            .0
            .retain(|_, there| there.version != build.version);
        self.builds.0.insert(build.version.clone(), build);
        replace(&self.path, &self.builds.to_yaml())
    }
}
