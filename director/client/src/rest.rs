//! Events, locks, disks, variables, problems, and cleaning up.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, Query, path_segment};

/// Something that happened.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HistoryEvent {
    /// Its number.
    pub id: String,
    /// The event that it ends.
    pub parent_id: Option<String>,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// By whom.
    pub user: Option<String>,
    /// What.
    pub action: Option<String>,
    /// To what kind of thing.
    pub object_type: Option<String>,
    /// To what.
    pub object_name: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// In which task.
    pub task: Option<String>,
    /// Of which deployment.
    pub deployment: Option<String>,
    /// Of which instance.
    pub instance: Option<String>,
    /// More about it.
    pub context: BTreeMap<String, Value>,
}

/// A lock.
#[derive(Debug, Clone, Deserialize)]
pub struct Lock {
    /// Of what kind of thing.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of what.
    #[serde(default)]
    pub resource: Vec<String>,
    /// Until when: seconds since 1970, with a fraction.
    #[serde(default)]
    pub timeout: Option<String>,
    /// By which task.
    #[serde(default)]
    pub task_id: Option<String>,
}

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

/// A variable.
#[derive(Debug, Clone, Deserialize)]
pub struct Variable {
    /// Its version.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// Its number.
    pub id: u64,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// In words.
    #[serde(default)]
    pub description: String,
    /// What can be done.
    #[serde(default)]
    pub resolutions: Vec<Resolution>,
}

/// What can be done about a problem.
#[derive(Debug, Clone, Deserialize)]
pub struct Resolution {
    /// Its name; none is the director's choice.
    pub name: Option<String>,
    /// In words.
    #[serde(default)]
    pub plan: String,
}

impl Director {
    /// What happened, newest first; see the reference of `/events` for the filters.
    ///
    /// # Errors
    /// [`Error`].
    pub fn events(&self, filter: &Query) -> Result<Vec<HistoryEvent>, Error> {
        self.get(&format!("/events{}", filter.as_str()))
            .step(|| "Finding events".to_owned())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error`].
    pub fn event(&self, id: &str) -> Result<HistoryEvent, Error> {
        self.get(&format!("/events/{}", path_segment(id)))
            .step(|| format!("Finding event '{id}'"))
    }

    /// All locks.
    ///
    /// # Errors
    /// [`Error`].
    pub fn locks(&self) -> Result<Vec<Lock>, Error> {
        self.get("/locks").step(|| "Finding locks".to_owned())
    }

    /// Disks that no instance has.
    ///
    /// # Errors
    /// [`Error`].
    pub fn orphaned_disks(&self) -> Result<Vec<Disk>, Error> {
        self.get("/disks")
            .step(|| "Finding orphaned disks".to_owned())
    }

    /// Variables of a deployment.
    ///
    /// # Errors
    /// [`Error`].
    pub fn variables(&self, deployment: &str) -> Result<Vec<Variable>, Error> {
        self.get(&format!(
            "/deployments/{}/variables",
            path_segment(deployment)
        ))
        .step(|| format!("Finding variables of deployment '{deployment}'"))
    }

    /// Removes what nothing uses; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn clean_up(&self, all: bool, keep_orphaned_disks: bool) -> Result<u64, Error> {
        let config = json!({"remove_all": all, "keep_orphaned_disks": keep_orphaned_disks});
        let body = json!({"config": config}).to_string().into_bytes();
        self.start(
            Method::Post,
            "/cleanup",
            Body::Text("application/json", body),
        )
        .step(|| "Cleaning up resources".to_owned())
    }

    /// Looks for problems; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn scan(&self, deployment: &str) -> Result<u64, Error> {
        let path = format!("/deployments/{}/scans", path_segment(deployment));
        self.start(Method::Post, &path, Body::None)
            .step(|| "Performing a scan".to_owned())
    }

    /// Problems that were found.
    ///
    /// # Errors
    /// [`Error`].
    pub fn problems(&self, deployment: &str) -> Result<Vec<Problem>, Error> {
        self.get(&format!(
            "/deployments/{}/problems",
            path_segment(deployment)
        ))
        .step(|| "Listing problems".to_owned())
    }

    /// Does something about problems, by number; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn resolve(
        &self,
        deployment: &str,
        chosen: &BTreeMap<u64, Option<String>>,
    ) -> Result<u64, Error> {
        let chosen: BTreeMap<String, &Option<String>> = chosen
            .iter()
            .map(|(id, name)| (id.to_string(), name))
            .collect();
        let body = json!({"resolutions": chosen}).to_string().into_bytes();
        let path = format!("/deployments/{}/problems", path_segment(deployment));
        self.start(Method::Put, &path, Body::Text("application/json", body))
            .step(|| "Resolving problems".to_owned())
    }
}
