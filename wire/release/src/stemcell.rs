//! `stemcell.MF`: what a stemcell is, and what the CPI is told of it.
//!
//! Unlike everywhere else a number here becomes a text as Ruby writes it (`1.10` ─► `1.1`), since
//! that is what a director makes of it: quote versions.

use serde::{Deserialize, Deserializer, Serialize};
use yaml_serde::{Mapping, Value};

use crate::yaml::{self, YamlError, line, list, or_default};
use crate::{InvalidName, check_name};

/// Formats of stemcells that are only a reference to an image in a registry.
const LIGHT: [&str; 2] = ["docker-light", "warden-light"];

/// What a stemcell is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct StemcellManifest {
    /// Its name.
    #[serde(deserialize_with = "as_text")]
    pub name: String,
    /// Its version.
    #[serde(deserialize_with = "as_text")]
    pub version: String,
    /// Which version of the agent's protocol it speaks; of no effect.
    #[serde(default, deserialize_with = "as_text")]
    pub bosh_protocol: String,
    /// Which CPI contract its agent knows.
    #[serde(default)]
    pub api_version: Option<u64>,
    /// Digest of its image, see [`MultiDigest`](crate::MultiDigest).
    #[serde(deserialize_with = "as_text")]
    pub sha1: String,
    /// What manifests ask for, see [`operating_system`](Self::operating_system).
    #[serde(default)]
    pub operating_system: Option<String>,
    /// Of which one must be one of the CPI's.
    #[serde(default, deserialize_with = "or_default")]
    pub stemcell_formats: Vec<String>,
    /// Given to the CPI as they are.
    #[serde(default, deserialize_with = "or_default")]
    pub cloud_properties: Mapping,
}

/// A stemcell's manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStemcell {
    /// Not such a document.
    #[error("cannot read the stemcell's manifest")]
    Yaml(#[from] YamlError),
    /// A name that is none.
    #[error("the stemcell's manifest has a bad name")]
    Name(#[from] InvalidName),
}

impl StemcellManifest {
    /// Reads a manifest and checks its names.
    ///
    /// # Errors
    /// [`InvalidStemcell`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidStemcell> {
        let manifest: Self = yaml::read(bytes)?;
        check_name("stemcell", &manifest.name)?;
        check_name("version", &manifest.version)?;
        Ok(manifest)
    }

    /// What manifests ask for: its name, if it says nothing else.
    pub fn operating_system(&self) -> &str {
        self.operating_system.as_deref().unwrap_or(&self.name)
    }

    /// Whether it is only a reference to an image.
    pub fn is_light(&self) -> bool {
        let mut formats = self.stemcell_formats.iter();
        formats.any(|format| LIGHT.contains(&format.as_str()))
    }

    /// A cloud property that is a text.
    pub fn cloud_property(&self, key: &str) -> Option<&str> {
        self.cloud_properties.get(key).and_then(Value::as_str)
    }

    /// The document.
    ///
    /// # Errors
    /// [`YamlError::Malformed`] for cloud properties that cannot be written.
    pub fn to_yaml(&self) -> Result<String, YamlError> {
        #[derive(Serialize)]
        struct Properties<'a> {
            cloud_properties: &'a Mapping,
        }
        let mut out = String::new();
        line(&mut out, "", "name", &self.name);
        line(&mut out, "", "version", &self.version);
        if !self.bosh_protocol.is_empty() {
            line(&mut out, "", "bosh_protocol", &self.bosh_protocol);
        }
        if let Some(version) = self.api_version {
            out.push_str(&format!("api_version: {version}\n"));
        }
        line(&mut out, "", "sha1", &self.sha1);
        line(&mut out, "", "operating_system", self.operating_system());
        if !self.stemcell_formats.is_empty() {
            list(&mut out, "", "stemcell_formats", &self.stemcell_formats);
        }
        let cloud_properties = &self.cloud_properties;
        let rest = yaml_serde::to_string(&Properties { cloud_properties });
        out.push_str(&rest.map_err(YamlError::Malformed)?);
        Ok(out)
    }
}

/// A scalar as Ruby's `to_s` writes it.
fn as_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Ok(String::new()),
        _ => Err(serde::de::Error::custom("expected a text or a number")),
    }
}
