//! The client beside servers that say exact bytes, cut anywhere.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod answers;
mod processes;
mod requests;
mod server;
mod streams;
