//! `config/blobs.yml`: large files that are not kept with the sources.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::yaml::{self, YamlError, line, quoted};

/// A file below `blobs/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Blob {
    /// Bytes.
    pub size: u64,
    /// Its name in the blobstore, once it is there.
    #[serde(default)]
    pub object_id: Option<String>,
    /// Its digest, see [`MultiDigest`](crate::MultiDigest).
    pub sha: String,
}

/// The files below `blobs/` by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blobs(pub BTreeMap<String, Blob>);

impl Blobs {
    /// Reads the list.
    ///
    /// # Errors
    /// [`YamlError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        yaml::read_or_default(bytes).map(Self)
    }

    /// The document.
    pub fn to_yaml(&self) -> String {
        if self.0.is_empty() {
            return "--- {}\n".to_owned();
        }
        let mut out = String::new();
        for (path, blob) in &self.0 {
            out.push_str(&format!("{}:\n  size: {}\n", quoted(path), blob.size));
            if let Some(id) = &blob.object_id {
                line(&mut out, "  ", "object_id", id);
            }
            line(&mut out, "  ", "sha", &blob.sha);
        }
        out
    }
}

/// Whether a blob's path stays below `blobs/`.
pub fn is_inside(path: &str) -> bool {
    crate::job::is_inside(path)
}
