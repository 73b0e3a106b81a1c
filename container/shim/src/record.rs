//! `shim.json`: which processes and cgroups are a container's, for whoever has nothing but the
//! depot left.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use warren_container_runtime::identity::Identity;

use crate::spec::Place;

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The shim.
    pub shim: Identity,
    /// Init; absent until it has been forked.
    pub init: Option<Identity>,
    /// Its cgroups, which may not have been made yet.
    pub place: Place,
}

impl Record {
    /// Reads the record of the container in this directory. `None` if there is none, or if it is
    /// half written: it is replaced as a whole, so then its writer died before the first one.
    pub fn load(directory: &Path) -> Option<Self> {
        let bytes = fs::read(directory.join("shim.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Replaces the record.
    pub fn save(&self, directory: &Path) -> std::io::Result<()> {
        crate::files::replace(&directory.join("shim.json"), self, 0o600)
    }
}
