//! The name server of a VM: it answers for instances of the director, and asks others for the rest.
//!
//! ```text
//!   root                                    nobody, without rights
//!   ────                                    ──────────────────────
//!   address, sockets ───── becomes ─────►   udp, tcp ─► answer ─► names ─► zone
//!   first in /etc/resolv.conf                             └─► cache, forward ─► recursors
//!   stands aside for a job that is a name server
//!        ▲──────── init ◄──── ends when there is something to do for root
//! ```
//!
//! | part | what it does |
//! |---|---|
//! | [`zone`] | what names stand for: the query language, aliases; pure |
//! | [`answer`] | a message to a decision: an answer, or whom to ask; pure |
//! | [`cache`] | answers of others, for as long as they say; pure |
//! | [`resolv_conf`], [`handlers`] | files of others; pure |
//! | [`names`] | all of these files, read again when they change |
//! | [`recursors`], [`forward`] | whom to ask, and asking |
//! | [`serve`] | what answers, without rights |
//! | [`keeper`] | what has to be done as root, before |
//!
//! Everything is synchronous: what is known here is answered on the thread that reads packets; each
//! question to somebody else has a thread for as long as it takes, and their number has a bound.
//!
//! Source: bosh-dns of `bosh-dns-release` for addresses, names and results.

pub mod answer;
pub mod cache;
pub mod forward;
pub mod handlers;
pub mod keeper;
pub mod names;
pub mod recursors;
pub mod resolv_conf;
pub mod serve;
mod stream;
pub mod zone;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// The address that bosh-dns has on every VM.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 0, 2));

/// The port of DNS.
pub const PORT: u16 = 53;

/// Writes a line to the log.
pub type Log = fn(&str);

/// Files that names come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// `instance/dns/records.json`, as the agent writes it.
    pub records: PathBuf,
    /// The directory of jobs, each with `dns/aliases.json` and `dns/handlers.json` if it wants.
    pub jobs: PathBuf,
    /// Whose name servers are asked for all else.
    pub resolv_conf: PathBuf,
    /// Our address there, which is not asked.
    pub own: IpAddr,
}
