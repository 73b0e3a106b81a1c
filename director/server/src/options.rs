//! How a director is run.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::schedules::Schedule;

/// A part of a director that may run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers clients.
    Api,
    /// Works on tasks.
    Worker,
    /// Gives blobs to agents.
    Blobstore,
    /// Enqueues what is done from time to time.
    Scheduler,
    /// Tells agents of names that they have missed.
    SyncDns,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [
        Role::Api,
        Role::Worker,
        Role::Blobstore,
        Role::Scheduler,
        Role::SyncDns,
    ];

    /// Its name on command lines and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Api => "api",
            Role::Worker => "worker",
            Role::Blobstore => "blobstore",
            Role::Scheduler => "scheduler",
            Role::SyncDns => "sync-dns",
        }
    }
}

/// How a director is run.
#[derive(Clone)]
pub struct Options {
    /// Its directory.
    pub home: PathBuf,
    /// Its name.
    pub name: String,
    /// Its version, for people.
    pub version: String,
    /// The address that agents and clients use.
    pub address: IpAddr,
    /// Where clients are answered.
    pub listen: SocketAddr,
    /// Where agents get blobs.
    pub blobstore_listen: SocketAddr,
    /// Where the process that answers clients gives metrics of all processes; nowhere if `None`.
    pub metrics_listen: Option<SocketAddr>,
    /// The database; SQLite in the home if `None`.
    pub database: Option<String>,
    /// A superuser of that PostgreSQL, as whom role and database are made if they are missing.
    pub database_admin: Option<String>,
    /// The bus; its port at `address` if `None`.
    pub nats: Option<String>,
    /// The port of the bus that the home's configuration names.
    pub nats_port: u16,
    /// The CPI's program and arguments.
    pub cpi: Vec<PathBuf>,
    /// What Ruby is started with.
    pub ruby: Vec<String>,
    /// How many tasks at once.
    pub workers: usize,
    /// Which roles.
    pub roles: Vec<Role>,
    /// Whether machines are made without the blobstore's password, if their agents know signed URLs.
    pub signed_urls: bool,
    /// Whether snapshots of disks are taken.
    pub snapshots: bool,
    /// What is done from time to time.
    pub schedules: Vec<Schedule>,
}
