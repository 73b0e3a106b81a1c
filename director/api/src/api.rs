//! What the API is made of.

use std::path::PathBuf;

use warren_director_blobstore::Local;
use warren_director_store::Store;
use warren_director_store::output::Outputs;
use warren_wire_manifest::cloud_config::CloudOptions;

use crate::Counted;

/// Everything that requests are answered out of.
#[derive(Debug, Clone)]
pub struct Api {
    /// Rows.
    pub store: Store,
    /// What tasks have said.
    pub outputs: Outputs,
    /// Blobs that clients fetch.
    pub blobs: Local,
    /// Who this is.
    pub info: Info,
    /// Who may log in.
    pub users: Vec<User>,
    /// Where uploads are written; whoever does the task removes them.
    pub upload_dir: PathBuf,
    /// How cloud configs are checked.
    pub cloud: CloudOptions,
    /// The director's own certificates; empty means that nobody looks after them.
    pub certificates: Vec<Certificate>,
    /// What all processes of the director have counted.
    pub counted: Counted,
}

/// What `GET /info` says.
#[derive(Debug, Clone)]
pub struct Info {
    /// The director's name.
    pub name: String,
    /// Its id.
    pub uuid: String,
    /// Such as `283.1.6 (00000000)`.
    pub version: String,
    /// The CPI's name.
    pub cpi: String,
    /// Of the machine that it runs in; `-` if there is none.
    pub stemcell_os: String,
    /// Likewise.
    pub stemcell_version: String,
    /// What is switched on.
    pub features: Features,
}

/// What a director can do beyond the ordinary.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// The root domain of names; `None` if there are none.
    pub local_dns: Option<String>,
    /// Whether disks are copied.
    pub snapshots: bool,
    /// Where values of variables are; empty if the director keeps them itself.
    pub config_server: Vec<String>,
}

/// Somebody with a password.
#[derive(Clone)]
pub struct User {
    /// Name.
    pub name: String,
    /// Password.
    pub password: String,
    /// What they may do: `bosh.admin` is everything.
    pub scopes: Vec<String>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({}, {:?})", self.name, self.scopes)
    }
}

/// A certificate that somebody has to renew some day.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Where it is said.
    pub path: String,
    /// Unix time.
    pub expiry: i64,
}
