//! Persistent disks: those that no instance has, and what is done to one.

use serde::Deserialize;

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, Query, path_segment};

/// A disk that no instance has.
#[derive(Debug, Clone, Deserialize)]
pub struct Disk {
    /// Its name at the CPI.
    pub disk_cid: String,
    /// MiB.
    #[serde(default)]
    pub size: u64,
    /// Where.
    #[serde(default)]
    pub az: Option<String>,
    /// Whose it was.
    #[serde(default)]
    pub deployment_name: Option<String>,
    /// Whose it was.
    #[serde(default)]
    pub instance_name: Option<String>,
    /// Since when.
    #[serde(default)]
    pub orphaned_at: Option<String>,
}

impl Director {
    /// Disks that no instance has.
    ///
    /// # Errors
    /// [`Error`].
    pub fn orphaned_disks(&self) -> Result<Vec<Disk>, Error> {
        self.get("/disks")
            .step(|| "Finding orphaned disks".to_owned())
    }

    /// Starts a deletion of a disk that no instance has; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_disk(&self, cid: &str) -> Result<u64, Error> {
        let path = format!("/disks/{}", path_segment(cid));
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting orphaned disk '{cid}'"))
    }

    /// Takes a disk from its instance; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn orphan_disk(&self, cid: &str) -> Result<u64, Error> {
        let path = format!("/disks/{}?orphan=true", path_segment(cid));
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Orphaning disk '{cid}'"))
    }

    /// Gives a stopped instance a disk, in place of the one that it has; the task. `properties` is
    /// `copy` or empty.
    ///
    /// # Errors
    /// [`Error`].
    pub fn attach_disk(
        &self,
        deployment: &str,
        (group, id): (&str, &str),
        cid: &str,
        properties: &str,
    ) -> Result<u64, Error> {
        let query = Query::new()
            .with("deployment", deployment)
            .some("disk_properties", Some(properties))
            .with("instance_id", id)
            .with("job", group);
        let path = format!("/disks/{}/attachments{}", path_segment(cid), query.as_str());
        self.start(Method::Put, &path, Body::None).step(|| {
            format!("Attaching disk '{cid}' to '{group}/{id}' in deployment '{deployment}'")
        })
    }
}
