//! Archives into and out of real directories, beside GNU tar.
//!
//! Needs root and GNU tar (Debian: tar, essential).
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod destination;
mod hostile;
mod out;
mod same_as_tar;
mod tree;
mod truncated;
mod users;
