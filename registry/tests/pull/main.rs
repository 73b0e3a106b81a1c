//! Pulls from a real registry on loopback, and from servers that misbehave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod clients;
mod images;
mod misbehaving;
mod offline;
mod places;
mod push;
mod real;
mod server;
