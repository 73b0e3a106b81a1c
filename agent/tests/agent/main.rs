//! An agent on a real nats-server, asked as a director asks.
//!
//! Each test has a root directory, a server with mutual TLS and RSA keys, a director's connection
//! and a supervisor's wire of its own. The supervisor here answers monit's HTTP and keeps states,
//! and starts nothing; tests of a whole VM use the real one.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's failure is told by its panic"
)]

mod blobs;
mod bus;
mod compile;
mod crash;
mod deploy;
mod disks;
mod full;
mod init;
mod listener;
mod logs;
mod people;
mod power;
mod refused;
mod refused_disks;
mod scripts;
mod settings;
mod support;
mod vitals;
mod whole;
