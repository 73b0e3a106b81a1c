//! What a template may know, and how a worker is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bytes::Bytes;

/// What the templates of one job of one instance may know.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Context {
    /// `spec`: the instance. Its `properties` are replaced by the job's.
    pub spec: Map<String, Value>,
    /// The job's declared properties, defaults filled in, variables resolved.
    pub properties: Map<String, Value>,
    /// The job's links by name.
    pub links: BTreeMap<String, LinkValues>,
}

/// A link as a template sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkValues {
    /// Objects with `name index id az address bootstrap`.
    pub instances: Vec<Value>,
    /// What the provider lets be known.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// The address that the manifest gives a link written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What `link.address` is made of: `short`, `group_id`, `az_ids`, `instance_ids`, `network_id`,
    /// `instance_group`, `network`, `deployment`, `domain`. Without it there are no names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Value>,
}

/// One line to a worker.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    #[serde(flatten)]
    pub(crate) context: &'a Context,
    pub(crate) templates: Vec<Template<'a>>,
}

/// A template in a request.
#[derive(Debug, Serialize)]
pub(crate) struct Template<'a> {
    pub(crate) name: &'a str,
    #[serde(flatten)]
    pub(crate) content: Bytes,
}

/// One line from a worker.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) files: Vec<Outcome>,
}

/// What became of a template.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Failed { error: String, line: Option<u64> },
    Rendered(Bytes),
}
