//! Machines by what the CPI calls them.

use serde::Deserialize;

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, path_segment};

/// A machine whose place another has taken.
#[derive(Debug, Clone, Deserialize)]
pub struct OrphanedVm {
    /// Its name at the CPI.
    pub cid: String,
    /// Where.
    #[serde(default)]
    pub az: Option<String>,
    /// Whose it was.
    #[serde(default)]
    pub deployment_name: Option<String>,
    /// Whose it was.
    #[serde(default)]
    pub instance_name: Option<String>,
    /// Its addresses.
    #[serde(default)]
    pub ip_addresses: Vec<String>,
    /// Since when.
    #[serde(default)]
    pub orphaned_at: Option<String>,
}

impl Director {
    /// Machines whose places others have taken.
    ///
    /// # Errors
    /// [`Error`].
    pub fn orphaned_vms(&self) -> Result<Vec<OrphanedVm>, Error> {
        self.get("/orphaned_vms")
            .step(|| "Finding orphaned VMs".to_owned())
    }

    /// Starts a deletion of a machine; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_vm(&self, cid: &str) -> Result<u64, Error> {
        let path = format!("/vms/{}", path_segment(cid));
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting VM '{cid}'"))
    }
}
