//! `spec` of a package in a release directory, and `spec.lock` of one whose archive is kept instead
//! of its source.

use serde::Deserialize;

use crate::yaml::{self, YamlError, line, list, or_default};

/// What a package says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PackageSpec {
    /// Its name.
    pub name: String,
    /// Names of the packages it is compiled with.
    #[serde(default, deserialize_with = "or_default")]
    pub dependencies: Vec<String>,
    /// Patterns below `src` and `blobs`.
    #[serde(default, deserialize_with = "or_default")]
    pub files: Vec<String>,
    /// Patterns of what is left out again.
    #[serde(default, deserialize_with = "or_default")]
    pub excluded_files: Vec<String>,
    /// Whether its archive is not compressed.
    #[serde(default, deserialize_with = "or_default")]
    pub no_compression: bool,
}

impl PackageSpec {
    /// Reads a spec.
    ///
    /// # Errors
    /// [`YamlError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        yaml::read(bytes)
    }
}

/// A package that was taken over from another release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PackageLock {
    /// Its name here.
    pub name: String,
    /// By which an index knows its archive.
    pub fingerprint: String,
    /// Names of the packages it is compiled with.
    #[serde(default, deserialize_with = "or_default")]
    pub dependencies: Vec<String>,
}

impl PackageLock {
    /// Reads a lock.
    ///
    /// # Errors
    /// [`YamlError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        yaml::read(bytes)
    }

    /// The document.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        line(&mut out, "", "name", &self.name);
        line(&mut out, "", "fingerprint", &self.fingerprint);
        if !self.dependencies.is_empty() {
            list(&mut out, "", "dependencies", &self.dependencies);
        }
        out
    }
}
