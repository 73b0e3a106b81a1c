//! A whole director: its home, its certificates, its roles.
//!
//! ```text
//! HOME/
//!   director.db        rows, unless a PostgreSQL is named; director.db-wake/ FIFOs of its workers
//!   secrets.json       passwords and secrets, made once; 0600
//!   certs/             authorities, certificates and keys, made once; keys 0600
//!   nats/nats.cfg      what nats-server is started with; auth.json beside it: users
//!   blobs/             the blobstore
//!   tasks/             what tasks say
//!   workers/           locked files of the processes that live
//!   metrics/           sockets of the processes that live
//!   uploads/PROCESS/   what the API takes in; cleared when its process is gone and no task wants it
//!   work/PROCESS/      what a worker unpacks; cleared when its process is gone
//! ```
//!
//! Everything that is missing is made: an empty directory becomes a director. Roles may run together in
//! one process or apart, on the same home or, with PostgreSQL, on several machines.

mod cron;
mod error;
mod expiry;
mod home;
mod metrics;
mod options;
mod presence;
mod roles;
mod schedules;
mod secrets;
mod serve;
mod sweep;

pub use cron::{Cron, CronError};
pub use error::Error;
pub use home::{Home, Place};
pub use options::{Options, Role};
pub use schedules::{Due, Kept, Schedule, ScheduleError, schedules};
pub use secrets::Secrets;
pub use serve::{prepare, prepare_only, run, serve};
