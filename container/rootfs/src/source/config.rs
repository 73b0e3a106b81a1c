//! What an image says about the processes that run in it.

use serde::{Deserialize, Serialize};

/// The part of an image's configuration that runtimes use. Source: OCI image specification 1.1,
/// `config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `PATH=...` and the like.
    #[serde(default, rename = "Env", deserialize_with = "or_default")]
    pub environment: Vec<String>,
    /// Where processes start; empty: `/`.
    #[serde(default, rename = "WorkingDir", deserialize_with = "or_default")]
    pub working_directory: String,
    /// `user[:group]`, by name or number; empty: root.
    #[serde(default, rename = "User", deserialize_with = "or_default")]
    pub user: String,
}

/// `null` is as good as absent.
fn or_default<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
