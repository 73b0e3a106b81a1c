//! The CPI contract: how a director asks an infrastructure for machines and disks.
//!
//! One process for each call, one JSON document on its standard input and one on its standard
//! output. Methods are [`Call`]; both sides use it, so that what a director writes is what a CPI reads.
//!
//! Source: reference of the CPI, sections 1.1 to 1.4; recordings in `tests/fixtures`.

mod call;
mod error;
mod message;
mod network;

pub use call::{Call, METHODS};
pub use error::{CallError, ErrorKind};
pub use message::{CpiError, Request, Response, Version};
pub use network::{Network, Networks};
