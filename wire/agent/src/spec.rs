//! What an instance is to run: the argument of `apply`, `prepare` and `drain`, and `spec.json`.
//!
//! The stored form has the stock agent's keys; those of the message that an agent has no use for
//! (`template_hashes`, `dns_domain_name`) are left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warren_lib_gojson::{JsonError, from_value};

use crate::secret::Secret;

/// A specification of an instance. `{}` is one: nothing to run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplySpec {
    /// The few properties that concern the agent itself.
    pub properties: Properties,
    /// Jobs.
    pub job: Job,
    /// Packages by name.
    pub packages: BTreeMap<String, Package>,
    /// Digest of the rendered configuration; empty means: install nothing.
    pub configuration_hash: String,
    /// Networks by name, kept as given, because directors compare them for equality.
    pub networks: Map<String, Value>,
    /// Of old directors.
    pub resource_pool: Value,
    /// Name of the deployment.
    pub deployment: String,
    /// Name of the instance group.
    pub name: String,
    /// Position in the group.
    pub index: Option<i64>,
    /// The instance's id.
    pub id: String,
    /// Availability zone.
    pub az: String,
    /// Size of the persistent disk in MiB; 0 for none.
    pub persistent_disk: i64,
    /// The rendered templates of all jobs.
    pub rendered_templates_archive: Option<Archive>,
}

/// Properties for the agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Properties {
    /// About log files.
    pub logging: Logging,
}

/// About log files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// Size at which a log is rotated, such as `50M`; empty for the default.
    pub max_log_file_size: String,
}

/// The jobs of an instance group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Name of the instance group.
    pub name: String,
    /// Name of the release; empty today.
    pub release: String,
    /// The first job's name.
    pub template: String,
    /// The first job's version.
    pub version: String,
    /// The jobs, in the manifest's order.
    pub templates: Vec<JobTemplate>,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobTemplate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One compiled package.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// `<version>.<build>`.
    pub version: String,
    /// Digest, possibly of several algorithms.
    pub sha1: String,
    /// Where the blobstore has it.
    pub blobstore_id: String,
    /// Where it can be fetched without the blobstore's password.
    pub signed_url: Secret,
    /// Headers to send with that.
    pub blobstore_headers: Option<BTreeMap<String, Secret>>,
}

/// An archive in the blobstore.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Archive {
    /// Digest.
    pub sha1: String,
    /// Where the blobstore has it.
    pub blobstore_id: String,
    /// Where it can be fetched without the blobstore's password. Stock directors never say it.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub signed_url: Secret,
}

impl ApplySpec {
    /// Reads the argument of a message.
    ///
    /// # Errors
    ///
    /// [`JsonError::Shape`].
    pub fn from_value(value: Value) -> Result<Self, JsonError> {
        from_value(value)
    }

    /// Without the URLs that blobs were fetched from, which are passwords.
    #[must_use]
    pub fn without_urls(mut self) -> Self {
        for package in self.packages.values_mut() {
            package.signed_url = Secret::default();
            package.blobstore_headers = None;
        }
        if let Some(archive) = &mut self.rendered_templates_archive {
            archive.signed_url = Secret::default();
        }
        self
    }

    /// The archive with the jobs' rendered templates, if there are jobs.
    #[must_use]
    pub fn archive(&self) -> Option<&Archive> {
        let archive = self.rendered_templates_archive.as_ref()?;
        let is_empty = archive.sha1.is_empty() && archive.blobstore_id.is_empty();
        (!is_empty).then_some(archive)
    }

    /// The jobs that `apply` installs: none without an archive.
    #[must_use]
    pub fn jobs(&self) -> &[JobTemplate] {
        if self.archive().is_some() {
            &self.job.templates
        } else {
            &[]
        }
    }

    /// The size at which logs are rotated.
    #[must_use]
    pub fn max_log_file_size(&self) -> &str {
        match &*self.properties.logging.max_log_file_size {
            "" => "50M",
            given => given,
        }
    }
}
