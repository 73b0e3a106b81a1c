//! Processes on the wire: the control socket and the output sockets of an attachment.
//!
//! ```text
//! shim ═session═► conversation ──► queue stdout ──► output socket ──► client
//!      ◄═════════      │     └───► queue stderr ──► output socket ──► client
//!                      └◄─── control socket ◄──► client
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`queue`] | one output of one attachment, between the shim and whoever fetches it |
//! | [`attachments`] | which attachment a stream id names |
//! | [`control`] | what the client says: input, its end, sizes, signals |
//! | [`conversation`] | one control socket from its first to its last line |
//! | [`output`] | one output socket |
//! | `input` | what goes to the shim |
//! | [`delivery`] | what the shim is told, so that another server can go on |
//! | [`signals`] | their order on the way to the shim |
//! | [`losses`] | what the log is told of output that no client gets |

pub mod attachments;
pub mod control;
pub mod conversation;
pub mod delivery;
mod input;
pub mod losses;
pub mod output;
pub mod queue;
pub mod signals;
