//! The Garden wire: what a container server and its clients say to each other.
//!
//! Types and codecs only; nothing here opens a file or a socket. A server, a
//! client and a recorded conversation in a test all go through the same code.
//!
//! | module | what it holds |
//! |---|---|
//! | [`json`] | reading and writing JSON with the rules of Go's `encoding/json` |
//! | [`container`], [`limits`], [`network`], [`process`] | request bodies |
//! | [`info`], [`metrics`] | response bodies, bulk replies included |
//! | [`error`] | the error object, its types and status codes |
//! | [`route`] | the route table, the matcher, the path builder, query strings |
//! | [`hijack`] | the process protocol on the raw socket after run and attach |
//! | [`config`] | `config.ini` and the flags of `gdn server` |
//!
//! # Invariants
//!
//! - What is written is what the stock server or client would write, byte for
//!   byte: key spelling and order, which zero values are left out, `null` where
//!   Go writes `null`, characters that Go escapes.
//! - What is read is what Go would read: unknown keys, keys in another case and
//!   `null` are no errors. Every decoder is total: any input gives a value or a
//!   typed error, and memory is bounded by the input or a stated limit.
//! - `Debug` of a body never shows registry passwords, environments,
//!   properties or process input.
//!
//! Sources: the public repositories `cloudfoundry/garden`,
//! `cloudfoundry/guardian`, `tedsuo/rata`, `bmizerany/pat` and
//! `jessevdk/go-flags`.

pub mod base64;
pub mod config;
pub mod container;
pub mod error;
pub mod escape;
pub mod hijack;
pub mod info;
pub mod json;
pub mod limits;
pub mod metrics;
pub mod network;
pub mod number;
pub mod process;
mod redact;
pub mod route;

pub use error::Error;
