//! A whole director: its home, its certificates, its roles.
//!
//! ```text
//! HOME/
//!   director.db        rows, unless a PostgreSQL is named
//!   secrets.json       passwords and secrets, made once; 0600
//!   certs/             authorities, certificates and keys, made once; keys 0600
//!   nats/nats.cfg      what nats-server is started with; auth.json beside it: users
//!   blobs/             the blobstore
//!   tasks/             what tasks say
//!   workers/           locked files of the processes that live
//!   uploads/, work/    while something is taken in; emptied at the start
//! ```
//!
//! Everything that is missing is made: an empty directory becomes a director. Roles may run together in
//! one process or apart, on the same home or, with PostgreSQL, on several machines.

mod error;
mod home;
mod presence;
mod secrets;
mod serve;

pub use error::Error;
pub use home::{Home, Place};
pub use secrets::Secrets;
pub use serve::{Options, Role, run, serve};
