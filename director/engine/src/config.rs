//! What the director's configuration says to its workers.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::signed::SignedUrls;

/// Certificates of the bus.
#[derive(Clone)]
pub struct Nats {
    /// The authority that a server's certificate comes from, PEM.
    pub server_ca: String,
    /// The authority that clients' certificates come from, PEM.
    pub client_ca: String,
    /// Its key, PEM.
    pub client_ca_key: String,
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nats(hidden)")
    }
}

/// What the director's configuration says to its workers.
#[derive(Debug, Clone)]
pub struct Config {
    /// The director's name.
    pub name: String,
    /// Its id.
    pub uuid: String,
    /// The root of DNS names.
    pub domain: String,
    /// Whether addresses are names where a manifest says nothing.
    pub use_dns_addresses: bool,
    /// Whether subnets may have no gateway.
    pub ignore_missing_gateway: bool,
    /// Addresses that are never given away.
    pub own_ips: Vec<IpAddr>,
    /// Certificates of the bus; `None` for a bus without TLS.
    pub nats: Option<Nats>,
    /// `env.bosh` of every machine: blobstores, ntp and so on.
    pub agent_env: Map<String, Value>,
    /// How agents get blobs without a password; `None` if nobody could check that.
    pub signed_urls: Option<SignedUrls>,
    /// Certificates that every machine trusts, PEM.
    pub trusted_certs: String,
    /// Where files are unpacked.
    pub work: PathBuf,
    /// How many machines are made at once.
    pub max_threads: usize,
    /// How long an agent may take to answer for the first time.
    pub agent_patience: Duration,
    /// After how long without an answer the machine's own log is looked at.
    pub silent_after: Duration,
    /// Whether machines are kept whose agent never answered.
    pub keep_unreachable_vms: bool,
    /// Whether snapshots of disks are taken.
    pub snapshots: bool,
    /// Whether a change of a disk's size is left to the CPI first.
    pub resize_disks: bool,
}
