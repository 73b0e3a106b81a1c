//! Blobs by id.
//!
//! ```text
//! DIRECTORY/xx/ID          a blob; xx is the first byte of the id's SHA-1, as stock's WebDAV has it
//! DIRECTORY/.writing/PROCESS/ID-N  one that is being written; renamed when it is complete
//! ```
//!
//! The director reads and writes the directory itself ([`Local`]); agents come over WebDAV
//! ([`router`]), with a password or with a URL that is signed for one blob and one method. Blobs are
//! never changed: a writer that uses an id again replaces the whole.
//!
//! Source: reference of the agent's protocol, section 14.

mod error;
mod id;
mod local;
mod server;
mod signature;

pub use error::Error;
pub use local::{Local, Stored, WRITING};
pub use server::{Access, User, router};
pub use signature::{LIFE, Method, Signer};
