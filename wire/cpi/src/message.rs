//! The two documents of a call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A version of the contract.
pub type Version = u32;

/// What a director writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its name.
    pub method: String,
    /// By position.
    pub arguments: Vec<Value>,
    /// Who asks: `director_uuid`, `request_id`, `vm.stemcell.api_version`, and the properties of a
    /// CPI config.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// The version that was agreed on; absent when it is being asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<Version>,
}

/// What a CPI writes. All three keys are always there: directors insist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// What the method gives.
    pub result: Value,
    /// What went wrong.
    pub error: Option<CpiError>,
    /// For the task's log.
    pub log: String,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpiError {
    /// See [`ErrorKind`](crate::ErrorKind).
    #[serde(rename = "type")]
    pub kind: String,
    /// For people.
    pub message: String,
    /// Whether it may help to ask again.
    pub ok_to_retry: bool,
}
