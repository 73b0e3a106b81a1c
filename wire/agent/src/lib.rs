//! The wire between agents and directors: messages on the bus, and the files both agree on.
//!
//! Types and codecs only; nothing here opens a file or a socket. An agent, a director and a
//! recorded conversation in a test go through the same code.
//!
//! | module | what it holds |
//! |---|---|
//! | [`subject`] | subjects on the bus, and what each user may publish and subscribe |
//! | [`envelope`] | requests, responses, the state of a task |
//! | [`method`] | every method with its arguments, and what it answers |
//! | [`spec`], [`state`] | what an instance is to run; what it says it runs |
//! | [`settings`], [`config`] | `settings.json`, `update_settings.json`; `agent.json` |
//! | [`heartbeat`], [`alert`] | what goes to the health monitor |
//! | [`dns`] | the records of `sync_dns` |
//! | [`digest`], [`base64`], [`secret`] | parts of the above |
//!
//! # Invariants
//!
//! - What is read is what stock agents and directors read: keys in any case, `null` for a zero
//!   value, unknown keys, too many arguments. Every decoder is total and takes no more memory than
//!   a small multiple of its input.
//! - `Debug` of a value never shows keys, passwords, signed URLs or payloads.
//!
//! Sources: the public repositories `cloudfoundry/bosh-agent` and `cloudfoundry/bosh`, and
//! recordings of a stock system (`tests/fixtures`).

pub mod alert;
pub mod base64;
pub mod config;
pub mod digest;
pub mod dns;
pub mod envelope;
pub mod heartbeat;
pub mod method;
pub mod secret;
pub mod settings;
pub mod spec;
pub mod state;
pub mod subject;

pub use warren_lib_gojson::{JsonError, decode, encode_bare};
