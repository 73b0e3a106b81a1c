//! A real server on the running kernel, spoken to over its wire.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports failure by panicking"
)]

mod client;
mod crowds;
mod errors;
mod files;
mod hostile;
mod lifecycle;
mod limits;
mod network;
mod processes;
mod restart;
mod shared;
mod world;
