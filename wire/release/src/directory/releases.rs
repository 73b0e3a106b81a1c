//! `index.yml` of a release: which versions there are, by an id that means nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Version;
use crate::yaml::{self, YamlError, line, or_default, quoted};

/// The versions of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Releases(pub BTreeMap<String, String>);

#[derive(Deserialize, Default)]
struct Document {
    #[serde(default, deserialize_with = "or_default")]
    builds: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    version: String,
}

impl Releases {
    /// Reads an index.
    ///
    /// # Errors
    /// [`YamlError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        let document: Document = yaml::read_or_default(bytes)?;
        let entries = document.builds.into_iter();
        Ok(Self(
            entries.map(|(id, entry)| (id, entry.version)).collect(),
        ))
    }

    /// Whether there is this version.
    pub fn has(&self, version: &str) -> bool {
        self.0.values().any(|there| there == version)
    }

    /// The last version; texts that are none do not count.
    pub fn last(&self) -> Option<Version> {
        let versions = self.0.values().filter_map(|text| text.parse().ok());
        versions.max()
    }

    /// The document.
    pub fn to_yaml(&self) -> String {
        let mut out = super::head(self.0.is_empty());
        for (id, version) in &self.0 {
            out.push_str(&format!("  {}:\n", quoted(id)));
            line(&mut out, "    ", "version", version);
        }
        line(&mut out, "", "format-version", "2");
        out
    }
}
