//! `index.yml` of a job, a package or the licence: which archives there are, by fingerprint.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::yaml::{self, YamlError, line, or_default, quoted};

/// An archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Build {
    /// The fingerprint.
    pub version: String,
    /// Its name in the blobstore; only in `.final_builds`.
    #[serde(default)]
    pub blobstore_id: Option<String>,
    /// Its digest, see [`MultiDigest`](crate::MultiDigest).
    pub sha1: String,
}

/// The archives of one job, package or licence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Builds(pub BTreeMap<String, Build>);

#[derive(Deserialize, Default)]
struct Document {
    #[serde(default, deserialize_with = "or_default")]
    builds: BTreeMap<String, Build>,
}

impl Builds {
    /// Reads an index.
    ///
    /// # Errors
    /// [`YamlError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        let document: Document = yaml::read_or_default(bytes)?;
        Ok(Self(document.builds))
    }

    /// The archive of a fingerprint. Old indexes have other keys.
    pub fn find(&self, fingerprint: &str) -> Option<&Build> {
        self.0.values().find(|build| build.version == fingerprint)
    }

    /// The document.
    pub fn to_yaml(&self) -> String {
        let mut out = super::head(self.0.is_empty());
        for (key, build) in &self.0 {
            out.push_str(&format!("  {}:\n", quoted(key)));
            line(&mut out, "    ", "version", &build.version);
            if let Some(id) = &build.blobstore_id {
                line(&mut out, "    ", "blobstore_id", id);
            }
            line(&mut out, "    ", "sha1", &build.sha1);
        }
        line(&mut out, "", "format-version", "2");
        out
    }
}
