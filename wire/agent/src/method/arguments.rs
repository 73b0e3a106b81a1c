//! Arguments that are objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Headers to send to a signed URL.
pub type Headers = BTreeMap<String, Secret>;

/// A package that another one is compiled with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of the compiled package.
    pub sha1: String,
    /// Where the blobstore has it.
    pub blobstore_id: String,
    /// Where it can be fetched without the blobstore's password.
    pub package_get_signed_url: Secret,
    /// Headers to send with that.
    pub blobstore_headers: Headers,
}

/// What is compiled, and from where to where.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Compile {
    /// Where the source is.
    pub source: BlobSource,
    /// Digest of the source.
    pub digest: String,
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it needs, by name.
    pub dependencies: BTreeMap<String, Dependency>,
    /// Where the result goes; none: into the agent's own blobstore.
    pub upload: Option<SignedUrl>,
}

/// A URL that needs no password.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SignedUrl {
    /// The URL, which is a secret itself.
    pub url: Secret,
    /// Headers to send.
    pub headers: Headers,
}

/// From where a blob is fetched.
#[derive(Debug, Clone, PartialEq)]
pub enum BlobSource {
    /// The agent's blobstore, by id.
    Blobstore(String),
    /// A signed URL.
    Signed(SignedUrl),
}

impl Default for BlobSource {
    fn default() -> Self {
        Self::Blobstore(String::new())
    }
}

/// The argument of `compile_package_with_signed_url`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CompileSigned {
    /// Where the source is.
    pub package_get_signed_url: Secret,
    /// Where the result goes.
    pub upload_signed_url: Secret,
    /// Digest of the source.
    pub digest: String,
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it needs.
    pub deps: BTreeMap<String, Dependency>,
    /// Headers for both URLs.
    pub blobstore_headers: Headers,
}

/// Which logs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogsRequest {
    /// Where the archive goes; of `fetch_logs_with_signed_url`.
    pub signed_url: Secret,
    /// `job`, `agent`, `system`, with commas between.
    pub log_type: String,
    /// Patterns below the directory; none means all.
    pub filters: Vec<String>,
    /// Who is to own the archive; of `bundle_logs`.
    pub owning_user: String,
    /// Headers for the URL.
    pub blobstore_headers: Headers,
}

/// A blob in a message.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadBlob {
    /// Its id.
    pub blob_id: String,
    /// Its digest.
    pub checksum: String,
    /// Base64, with or without newlines.
    pub payload: Secret,
}

/// The second argument of `ssh`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SshParameters {
    /// Of `setup`: the user to make.
    pub user: String,
    /// Of `setup`: the key that may log in.
    pub public_key: String,
    /// Of `cleanup`: which users to remove.
    pub user_regex: String,
}

/// The second argument of `run_script`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptOptions {
    /// Variables for the scripts.
    pub env: BTreeMap<String, String>,
}

/// The argument of `sync_dns_with_signed_url`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncDnsSigned {
    /// Where the records are.
    pub signed_url: Secret,
    /// Their digest.
    pub multi_digest: String,
    /// Their version.
    pub version: u64,
    /// Headers for the URL.
    pub blobstore_headers: Headers,
}

/// Records to be fetched.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncDns {
    /// Where they are.
    pub source: BlobSource,
    /// Their digest.
    pub digest: String,
    /// Their version.
    pub version: u64,
}

/// The argument of `delete_arp_entries`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ArpEntries {
    /// Addresses.
    pub ips: Vec<String>,
}
