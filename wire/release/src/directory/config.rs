//! `config/final.yml` and `config/private.yml`: the release's name and its blobstore.

use serde::Deserialize;
use yaml_serde::{Mapping, Value};

use crate::yaml::{self, YamlError, line, or_default};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// Not such a document.
    #[error("cannot read config/{file}")]
    Yaml {
        /// Which.
        file: &'static str,
        /// Why.
        source: YamlError,
    },
    /// No name.
    #[error("config/final.yml has no 'name'")]
    NoName,
    /// Two names.
    #[error("config/final.yml has both 'name' and 'final_name'; remove one")]
    TwoNames,
}

/// Where final archives and blobs are kept.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Blobstore {
    /// `local`, `s3`, `gcs` ...
    #[serde(default, deserialize_with = "or_default")]
    pub provider: String,
    /// The provider's own; may hold secrets.
    #[serde(default, deserialize_with = "or_default")]
    pub options: Mapping,
}

impl std::fmt::Debug for Blobstore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blobstore({}, options hidden)", self.provider)
    }
}

impl Blobstore {
    /// An option that is a text.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).and_then(Value::as_str)
    }
}

/// What both files say together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The release's name.
    pub name: String,
    /// Options of `private.yml` go over those of `final.yml`.
    pub blobstore: Blobstore,
    /// Whether archives are not compressed.
    pub no_compression: bool,
}

#[derive(Deserialize, Default)]
struct Final {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    final_name: String,
    #[serde(default, deserialize_with = "or_default")]
    blobstore: Blobstore,
    #[serde(default, deserialize_with = "or_default")]
    no_compression: bool,
}

#[derive(Deserialize, Default)]
struct Private {
    #[serde(default, deserialize_with = "or_default")]
    blobstore: Blobstore,
}

impl Config {
    /// Reads the two files.
    ///
    /// # Errors
    /// [`InvalidConfig`].
    pub fn parse(final_yml: &[u8], private_yml: Option<&[u8]>) -> Result<Self, InvalidConfig> {
        let wrong = |file| move |source| InvalidConfig::Yaml { file, source };
        let public: Final = yaml::read_or_default(final_yml).map_err(wrong("final.yml"))?;
        let private: Private =
            yaml::read_or_default(private_yml.unwrap_or_default()).map_err(wrong("private.yml"))?;
        let name = match (public.name, public.final_name) {
            (name, other) if other.is_empty() && !name.is_empty() => name,
            (name, other) if name.is_empty() && !other.is_empty() => other,
            (name, _) if name.is_empty() => return Err(InvalidConfig::NoName),
            _ => return Err(InvalidConfig::TwoNames),
        };
        let mut blobstore = public.blobstore;
        blobstore.options.extend(private.blobstore.options);
        Ok(Self {
            name,
            blobstore,
            no_compression: public.no_compression,
        })
    }

    /// `final.yml` of a new release: a name, and a blobstore in a directory if one is given.
    pub fn new_final_yml(name: &str, local_blobstore: Option<&str>) -> String {
        let mut out = String::new();
        line(&mut out, "", "name", name);
        if let Some(path) = local_blobstore {
            out.push_str("blobstore:\n  provider: local\n  options:\n");
            line(&mut out, "    ", "blobstore_path", path);
        }
        out
    }
}
