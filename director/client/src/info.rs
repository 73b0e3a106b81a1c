//! `/info`: what a director says of itself to anybody.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Stepped;
use crate::{Director, Error};

/// What a director says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Info {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its identity.
    #[serde(default)]
    pub uuid: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Who we are to it; nobody without credentials.
    #[serde(default)]
    pub user: Option<String>,
    /// Its CPI.
    #[serde(default)]
    pub cpi: Option<String>,
    /// What it runs on.
    #[serde(default)]
    pub stemcell_os: Option<String>,
    /// What it runs on.
    #[serde(default)]
    pub stemcell_version: Option<String>,
    /// How users prove who they are.
    #[serde(default)]
    pub user_authentication: UserAuthentication,
    /// What it can.
    #[serde(default)]
    pub features: BTreeMap<String, Feature>,
}

/// How users prove who they are.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct UserAuthentication {
    /// `basic` or `uaa`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// More about it.
    #[serde(default)]
    pub options: AuthenticationOptions,
}

/// Where tokens come from.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct AuthenticationOptions {
    /// The token server's address.
    #[serde(default)]
    pub url: Option<String>,
}

/// Something that a director can or cannot.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Feature {
    /// Whether it can.
    #[serde(default)]
    pub status: bool,
}

impl Info {
    /// The token server, if there is one.
    pub fn token_server(&self) -> Option<&str> {
        match self.user_authentication.kind.as_str() {
            "uaa" => self.user_authentication.options.url.as_deref(),
            _ => None,
        }
    }
}

impl Director {
    /// What it says of itself.
    ///
    /// # Errors
    /// [`Error`].
    pub fn info(&self) -> Result<Info, Error> {
        self.get("/info").step(|| "Fetching info".to_owned())
    }
}
