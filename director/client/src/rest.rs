//! Events, locks, variables, problems, and cleaning up.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::deployments::NameVersion;
use crate::disks::Disk;
use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::vms::OrphanedVm;
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

/// A variable.
#[derive(Debug, Clone, Deserialize)]
pub struct Variable {
    /// Its version.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A certificate of the director.
#[derive(Debug, Clone, Deserialize)]
pub struct Certificate {
    /// Where the director's configuration has it.
    #[serde(default)]
    pub certificate_path: String,
    /// Its end, RFC 3339.
    #[serde(default)]
    pub expiry: String,
    /// Until then.
    #[serde(default)]
    pub days_left: i64,
}

/// What nothing uses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Unused {
    /// Releases.
    pub releases: Vec<UnusedRelease>,
    /// Stemcells.
    pub stemcells: Vec<NameVersion>,
    /// Packages that were compiled.
    pub compiled_packages: Vec<UnusedPackage>,
    /// Disks.
    pub orphaned_disks: Vec<Disk>,
    /// Machines.
    pub orphaned_vms: Vec<OrphanedVm>,
    /// Blobs of releases that were exported.
    pub exported_releases: Vec<String>,
    /// Blobs of old DNS records.
    pub dns_blobs: Vec<String>,
}

/// A release that nothing uses.
#[derive(Debug, Clone, Deserialize)]
pub struct UnusedRelease {
    /// Its name.
    pub name: String,
    /// Its versions.
    #[serde(default)]
    pub versions: Vec<String>,
}

/// A compiled package that nothing uses.
#[derive(Debug, Clone, Deserialize)]
pub struct UnusedPackage {
    /// Its name.
    pub package_name: String,
    /// What it was compiled for.
    #[serde(default)]
    pub stemcell_os: Option<String>,
    /// What it was compiled for.
    #[serde(default)]
    pub stemcell_version: Option<String>,
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
    /// The instance group that it is of; old directors do not say.
    #[serde(default)]
    pub instance_group: String,
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

    /// What [`clean_up`](Self::clean_up) would remove.
    ///
    /// # Errors
    /// [`Error`].
    pub fn unused(&self, all: bool, keep_orphaned_disks: bool) -> Result<Unused, Error> {
        let query = Query::new()
            .with("remove_all", if all { "true" } else { "false" })
            .with(
                "keep_orphaned_disks",
                if keep_orphaned_disks { "true" } else { "false" },
            );
        self.get(&format!("/cleanup/dryrun{}", query.as_str()))
            .step(|| "Cleaning up resources".to_owned())
    }

    /// Has the health monitor bring machines back, or not.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_resurrection(&self, is_enabled: bool) -> Result<(), Error> {
        let body = json!({"resurrection_paused": !is_enabled})
            .to_string()
            .into_bytes();
        self.send(
            Method::Put,
            "/resurrection",
            Body::Text("application/json", body),
        )
        .map(drop)
        .step(|| "Changing VM resurrection state".to_owned())
    }

    /// When the director's own certificates run out.
    ///
    /// # Errors
    /// [`Error`]; status 404 from directors that do not tell.
    pub fn certificates(&self) -> Result<Vec<Certificate>, Error> {
        self.get("/director/certificate_expiry")
            .step(|| "Getting certificate expiry dates".to_owned())
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

    /// Does something about problems, by number; the task. `max_in_flight` are numbers or percentages
    /// in the place of what the manifest says of groups.
    ///
    /// # Errors
    /// [`Error`].
    pub fn resolve(
        &self,
        deployment: &str,
        chosen: &BTreeMap<u64, Option<String>>,
        max_in_flight: &BTreeMap<String, String>,
    ) -> Result<u64, Error> {
        let chosen: BTreeMap<String, &Option<String>> = chosen
            .iter()
            .map(|(id, name)| (id.to_string(), name))
            .collect();
        let mut body = json!({"resolutions": chosen});
        if !max_in_flight.is_empty() {
            body["max_in_flight_overrides"] = json!(max_in_flight);
        }
        let body = body.to_string().into_bytes();
        let path = format!("/deployments/{}/problems", path_segment(deployment));
        self.start(Method::Put, &path, Body::Text("application/json", body))
            .step(|| "Resolving problems".to_owned())
    }
}
