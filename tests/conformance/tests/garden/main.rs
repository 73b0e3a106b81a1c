//! The Garden server over its wire: the public acceptance suite's lines, and rules of the wire that
//! its clients depend on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod container;
mod files;
mod grace;
mod lifecycle;
mod limits;
mod network;
mod pea;
mod process;
mod properties;
mod restart;
mod security;
mod stop;
mod terminal;
