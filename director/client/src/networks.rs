//! Networks that the CPI made and no deployment uses.

use serde::Deserialize;

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, path_segment};

/// A network that no deployment uses.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// `manual`, `dynamic` or `vip`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Since when there is it.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Since when nobody uses it.
    #[serde(default)]
    pub orphaned_at: Option<String>,
}

impl Director {
    /// Networks that no deployment uses.
    ///
    /// # Errors
    /// [`Error`].
    pub fn orphaned_networks(&self) -> Result<Vec<Network>, Error> {
        self.get("/networks?orphaned=true")
            .step(|| "Finding orphaned networks".to_owned())
    }

    /// Starts a deletion of one; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_network(&self, name: &str) -> Result<u64, Error> {
        let path = format!("/networks/{}", path_segment(name));
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting orphaned network '{name}'"))
    }
}
