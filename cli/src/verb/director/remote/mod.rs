//! Instances over SSH, by the system's `ssh` and `scp`: users have settings for them.
//!
//! ```text
//! Way ──► with_hosts: a key, a user on each instance (the director makes it), known_hosts
//!             └─► Visit ──► ssh, scp: one command for each host ──► run: streamed, collected, attached
//!         the user is removed again, whatever came of it and whoever interrupted it
//! ```
//!
//! - [`gateway`]: a host to go through.
//! - [`visit`]: which hosts, and how `ssh` reaches them.
//! - [`run`]: the commands, all at the same time, and what they write.

pub mod gateway;
pub mod run;
pub mod visit;

pub use gateway::Gateway;
pub use visit::{Host, Visit, Way, with_hosts};
