//! GrootFS's file of settings.
//!
//! Whatever is not known is left alone: releases write keys that no version reads, and the program
//! that sets the threshold rewrites the file with every key, empty ones too.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// All keys that mean something here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    #[serde(deserialize_with = "filled")]
    pub store: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub log_level: Option<String>,
    #[serde(deserialize_with = "filled")]
    pub log_file: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub metron_endpoint: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub create: Create,
    #[serde(deserialize_with = "or_default")]
    pub clean: Clean,
    #[serde(deserialize_with = "or_default")]
    pub init: Init,
}

/// Of `create`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Create {
    #[serde(deserialize_with = "or_default")]
    pub exclude_image_from_quota: bool,
    #[serde(deserialize_with = "or_default")]
    pub skip_layer_validation: bool,
    #[serde(deserialize_with = "or_default")]
    pub with_clean: bool,
    #[serde(deserialize_with = "or_default")]
    pub without_mount: bool,
    #[serde(deserialize_with = "or_default")]
    pub disk_limit_size_bytes: i64,
    #[serde(deserialize_with = "or_default")]
    pub insecure_registries: Vec<String>,
    #[serde(deserialize_with = "filled")]
    pub clean_log_file: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub remote_layer_client_certificates_path: Option<PathBuf>,
}

/// Of `clean`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Clean {
    #[serde(deserialize_with = "or_default")]
    pub threshold_bytes: i64,
}

/// Of `init-store`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Init {
    #[serde(deserialize_with = "or_default")]
    pub store_size_bytes: i64,
    #[serde(deserialize_with = "or_default")]
    pub with_direct_io: bool,
    #[serde(deserialize_with = "filled")]
    pub owneruser: Option<String>,
    #[serde(deserialize_with = "filled")]
    pub ownergroup: Option<String>,
}

fn or_default<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Empty is as good as absent.
fn filled<'de, T: Deserialize<'de> + AsRef<std::ffi::OsStr>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let value: Option<T> = Option::deserialize(from)?;
    Ok(value.filter(|value| !value.as_ref().is_empty()))
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Reading it.
    #[error("invalid config path: cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Understanding it.
    #[error("invalid config file {}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: yaml_serde::Error,
    },
}

impl Config {
    /// Reads it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Option<Self> =
            yaml_serde::from_str(&text).map_err(|source| ConfigError::Malformed {
                path: path.to_owned(),
                source,
            })?;
        Ok(config.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Config {
        let file = std::env::temp_dir().join(format!("warren-config-{}", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file);
        std::fs::remove_file(&file).unwrap();
        config.unwrap()
    }

    #[test]
    fn known_unknown_and_empty_keys() {
        let config = read(
            "store: /s\nlog_level: ''\nlog_timestamp_format: rfc3339\ntardis_bin: /t\n\
             metron_endpoint: ''\n\
             create:\n  insecure_registries: [\"a:1\"]\n  with_clean: true\n  clean_log_file: \n  \
             disk_limit_size_bytes:\n  skip_layer_validation: true\n  \
             remote_layer_client_certificates_path: /certs\n\
             clean: {threshold_bytes: 5, ignore_images: []}\ninit:\n",
        );
        assert_eq!(config.store, Some("/s".into()));
        assert_eq!(config.log_level, None);
        assert_eq!(config.metron_endpoint, None);
        assert_eq!(config.create.clean_log_file, None);
        let certificates = config.create.remote_layer_client_certificates_path;
        assert_eq!(certificates, Some("/certs".into()));
        assert_eq!(config.create.insecure_registries, ["a:1"]);
        assert!(config.create.with_clean && config.create.skip_layer_validation);
        assert_eq!(config.clean.threshold_bytes, 5);
        assert_eq!(config.init.store_size_bytes, 0);
        assert_eq!(read("").store, None);
        assert_eq!(read("{}").store, None);
    }
}
