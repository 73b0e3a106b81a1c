//! What methods answer when they are done, where that is an object.

use serde::{Deserialize, Serialize};

/// Of `info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Version of the agent's API.
    pub api_version: u64,
}

/// Of `run_errand`; an exit code other than 0 is no exception.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Errand {
    /// What it wrote.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
    /// How it ended; 128 and the signal's number if by a signal.
    pub exit_code: i64,
}

/// Of both `compile_package` methods.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Compiled {
    /// The result.
    pub result: Uploaded,
}

/// A blob that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Uploaded {
    /// Its id; absent where it went to a signed URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobstore_id: Option<String>,
    /// Its digest, possibly of several algorithms.
    pub sha1: String,
}

/// Of `bundle_logs`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogsBundle {
    /// The archive, to be fetched with `scp` and removed with `remove_file`.
    pub logs_tar_path: String,
    /// `sha512:<hex>`.
    pub sha512: String,
}

/// Of `ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ssh {
    /// `setup` or `cleanup`.
    pub command: String,
    /// `success`.
    pub status: String,
    /// Of `setup`: where to connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Of `setup`: the host's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_public_key: Option<String>,
}

/// Of `unmount_disk`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Unmounted {
    /// What was done.
    pub message: String,
}
