//! Snapshots of persistent disks.

use serde::Deserialize;

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, path_segment};

/// A snapshot.
#[derive(Debug, Clone, Deserialize)]
pub struct Snapshot {
    /// Group.
    #[serde(default)]
    pub job: Option<String>,
    /// Instance.
    #[serde(default)]
    pub index: Option<i64>,
    /// Instance.
    #[serde(default)]
    pub uuid: Option<String>,
    /// Its name at the CPI.
    pub snapshot_cid: String,
    /// Since when.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Whether nothing was written meanwhile.
    #[serde(default)]
    pub clean: bool,
}

impl Snapshot {
    /// `GROUP/INDEX`.
    pub fn instance(&self) -> String {
        let index = self.index.map(|index| index.to_string());
        format!(
            "{}/{}",
            self.job.as_deref().unwrap_or("?"),
            index.as_deref().unwrap_or("?")
        )
    }
}

impl Snapshot {
    /// Whether it is of this group, and of this instance of it (id or index).
    pub fn is_of(&self, group: &str, id: Option<&str>) -> bool {
        let index = self.index.map(|index| index.to_string());
        let is_instance =
            |id: &str| index.as_deref() == Some(id) || self.uuid.as_deref() == Some(id);
        self.job.as_deref() == Some(group) && id.is_none_or(is_instance)
    }
}

fn all(deployment: &str) -> String {
    format!("/deployments/{}/snapshots", path_segment(deployment))
}

impl Director {
    /// Snapshots of a deployment.
    ///
    /// # Errors
    /// [`Error`].
    pub fn snapshots(&self, deployment: &str) -> Result<Vec<Snapshot>, Error> {
        self.get(&all(deployment))
            .step(|| "Finding snapshots".to_owned())
    }

    /// Makes snapshots of all disks of a deployment; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn take_snapshots(&self, deployment: &str) -> Result<u64, Error> {
        self.start(Method::Post, &all(deployment), Body::None)
            .step(|| format!("Taking snapshots for deployment '{deployment}'"))
    }

    /// Makes snapshots of the disks of an instance; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn take_snapshot(&self, deployment: &str, (group, id): (&str, &str)) -> Result<u64, Error> {
        let path = format!(
            "/deployments/{}/jobs/{}/{}/snapshots",
            path_segment(deployment),
            path_segment(group),
            path_segment(id),
        );
        self.start(Method::Post, &path, Body::None).step(|| {
            format!("Taking snapshot for instance '{group}/{id}' in deployment '{deployment}'")
        })
    }

    /// Starts a deletion of one; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_snapshot(&self, deployment: &str, cid: &str) -> Result<u64, Error> {
        let path = format!("{}/{}", all(deployment), path_segment(cid));
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting snapshot '{cid}' from deployment '{deployment}'"))
    }

    /// Starts a deletion of all; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_snapshots(&self, deployment: &str) -> Result<u64, Error> {
        self.start(Method::Delete, &all(deployment), Body::None)
            .step(|| format!("Deleting snapshots for deployment '{deployment}'"))
    }
}
