//! Deployments: lists, manifests, differences, and their making and unmaking.

use serde::Deserialize;
use serde_json::Value;

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, Query, path_segment};

/// The media type of manifests and configs.
pub(crate) const YAML: &str = "text/yaml";

/// A name and a version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NameVersion {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// A deployment in a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// Who may change it.
    #[serde(default)]
    pub teams: Vec<String>,
    /// What it runs on.
    #[serde(default)]
    pub stemcells: Vec<NameVersion>,
    /// What it consists of.
    #[serde(default)]
    pub releases: Vec<NameVersion>,
    /// `none`, `latest` or `outdated`.
    #[serde(default)]
    pub cloud_config: Option<String>,
}

/// A difference that a director found.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Diff {
    /// Lines, each with `added`, `removed` or nothing.
    #[serde(default)]
    pub diff: Vec<(String, Option<String>)>,
    /// The configs that it was made with, to be given back unchanged.
    #[serde(default)]
    pub context: Option<Value>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
    /// Of a config: the one that it was compared with.
    #[serde(default)]
    pub from: Option<From>,
}

/// The config that another was compared with.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct From {
    /// Its number.
    #[serde(default)]
    pub id: Option<String>,
}

/// How to deploy.
#[derive(Debug, Clone, Default)]
pub struct DeployOptions {
    /// Every VM anew.
    pub recreate: bool,
    /// Every persistent disk anew.
    pub recreate_persistent_disks: bool,
    /// VMs whose agents do not answer anew.
    pub fix: bool,
    /// Plan and render only.
    pub dry_run: bool,
    /// Newest versions of variables.
    pub force_latest_variables: bool,
    /// RFC 3339.
    pub recreate_vms_created_before: Option<String>,
    /// `*`, or names with commas.
    pub skip_drain: Option<String>,
    /// A number, or `N%`.
    pub canaries: Option<String>,
    /// A number, or `N%`.
    pub max_in_flight: Option<String>,
    /// Of a [`Diff`].
    pub context: Option<Value>,
}

impl Director {
    /// All deployments.
    ///
    /// # Errors
    /// [`Error`].
    pub fn deployments(&self, with_configs: bool) -> Result<Vec<Deployment>, Error> {
        let query = Query::new().flag("exclude_configs", !with_configs);
        self.get(&format!("/deployments{}", query.as_str()))
            .step(|| "Finding deployments".to_owned())
    }

    /// The manifest of a deployment, as it was given; nothing before its first success.
    ///
    /// # Errors
    /// [`Error`].
    pub fn manifest(&self, deployment: &str) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            manifest: Option<String>,
        }
        self.get::<Answer>(&format!("/deployments/{}", path_segment(deployment)))
            .map(|answer| answer.manifest)
            .step(|| format!("Finding deployment '{deployment}'"))
            .step(|| "Fetching manifest".to_owned())
    }

    /// What a manifest would change.
    ///
    /// # Errors
    /// [`Error`].
    pub fn diff(&self, deployment: &str, manifest: &str, redact: bool) -> Result<Diff, Error> {
        let path = format!(
            "/deployments/{}/diff?redact={redact}",
            path_segment(deployment)
        );
        self.send_for(Method::Post, &path, text(manifest))
            .step(|| "Fetching diff result".to_owned())
    }

    /// Starts a deployment; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn deploy(&self, manifest: &str, options: &DeployOptions) -> Result<u64, Error> {
        let context = options.context.as_ref().map(Value::to_string);
        let query = Query::new()
            .flag("recreate", options.recreate)
            .flag(
                "recreate_persistent_disks",
                options.recreate_persistent_disks,
            )
            .flag("fix", options.fix)
            .some("skip_drain", options.skip_drain.as_deref())
            .some("canaries", options.canaries.as_deref())
            .some("max_in_flight", options.max_in_flight.as_deref())
            .flag("dry_run", options.dry_run)
            .flag("force_latest_variables", options.force_latest_variables)
            .some(
                "recreate_vms_created_before",
                options.recreate_vms_created_before.as_deref(),
            )
            .some("context", context.as_deref());
        let path = format!("/deployments{}", query.as_str());
        self.start(Method::Post, &path, text(manifest))
            .step(|| "Updating deployment".to_owned())
    }

    /// Starts a deletion; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_deployment(&self, deployment: &str, force: bool) -> Result<u64, Error> {
        let query = Query::new().flag("force", force);
        let path = format!(
            "/deployments/{}{}",
            path_segment(deployment),
            query.as_str()
        );
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting deployment '{deployment}'"))
    }
}

pub(crate) fn text(document: &str) -> Body<'static> {
    Body::Text(YAML, document.as_bytes().to_vec())
}
