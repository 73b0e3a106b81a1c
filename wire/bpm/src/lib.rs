//! `bpm.yml`: what a BOSH job says of its processes, and the names that follow from it.
//!
//! ```text
//! bytes ── parse ──► Config ── check ──► Config that may be started
//! ```
//!
//! - [`config`]: the file's content as types; reading it is [`Config::parse`].
//! - [`check`]: what a file must fulfil beyond its shape, with the texts that operators know.
//! - [`quantity`]: `512M` as a number of bytes.
//! - [`volume`]: a volume as it is written on a command line.
//! - [`id`]: the name of a process's container, there and back.
//!
//! Reading is as lenient as that of the stock tool: unknown keys are ignored and any scalar stands
//! for a text as it is written.

pub mod check;
pub mod config;
pub mod id;
mod lenient;
pub mod quantity;
#[cfg(test)]
mod tests;
pub mod volume;

pub use check::Invalid;
pub use config::{Config, Hooks, Limits, ParseError, Process, Unsafe, Volume};
