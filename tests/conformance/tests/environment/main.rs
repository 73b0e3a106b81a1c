//! `warren up` and what belongs to it, with everything real: Debian packages, Garden servers in
//! containers of Garden servers, a director in processes of its own, and machines in the end.
//!
//! | what is promised | tests |
//! |---|---|
//! | one command makes a director in a container from nothing; again changes nothing; another leaves nothing | `life` |
//! | it rests and comes back, with the disks of its machines | `life` |
//! | a deploy tells what it does and how far it is, as stock directors do | `life`, by `events` |
//! | a machine two containers deep is reached from this one, and keeps monit and the bus to its agent | `life` |
//! | a lost machine is recovered as a plan says | `life` |
//! | metrics are had from this machine, with a password | `life` |
//! | rows in PostgreSQL, processes in bpm's containers | `life` |
//! | the command may be broken off anywhere | `failures` |
//! | whatever is killed comes back, by itself or by the same command | `failures` |
//! | each part that does not work has a row of `status` that says so, where, why and with which log | `failures`, `life`, by `rows` |
//! | what cannot be is refused with words that say what to do | `refused` |
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod events;
mod failures;
mod life;
mod quorum;
mod refused;
mod rows;
mod scene;
