//! The spec that was applied last: `spec.json`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use warren_wire_agent::JsonError;
use warren_wire_agent::spec::ApplySpec;

use crate::files::{self, FileError};
use crate::owner::Owner;
use crate::paths::Paths;

/// The spec cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is something else.
    #[error("{} does not hold a spec", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: JsonError,
    },
}

/// The spec in force.
pub struct Store {
    paths: Paths,
    now: Mutex<ApplySpec>,
}

impl Store {
    /// Reads what was kept; an empty spec if nothing was.
    ///
    /// # Errors
    /// [`SpecError`].
    pub fn open(paths: &Paths) -> Result<Self, SpecError> {
        let path = paths.spec();
        let spec = match files::read_if_there(&path)? {
            None => ApplySpec::default(),
            Some(bytes) => warren_wire_agent::decode(&bytes)
                .map_err(|source| SpecError::Malformed { path, source })?,
        };
        Ok(Self {
            paths: paths.clone(),
            now: Mutex::new(spec),
        })
    }

    /// The spec.
    #[must_use]
    pub fn get(&self) -> ApplySpec {
        self.now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps a spec, and what other jobs read of it. URLs that blobs came from are of no more use.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, spec: ApplySpec) -> Result<(), FileError> {
        let spec = spec.without_urls();
        files::write_json(&self.paths.spec(), &spec, 0o600)?;
        let facts = [
            ("id", &spec.id),
            ("az", &spec.az),
            ("name", &spec.name),
            ("deployment", &spec.deployment),
        ];
        for (name, value) in facts {
            let path = self.paths.instance().join(name);
            files::write(&path, value.as_bytes(), 0o644, Owner::ROOT)?;
        }
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = spec;
        Ok(())
    }
}
