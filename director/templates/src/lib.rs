//! Renders job templates.
//!
//! A job of a release is an archive with `job.MF`, `monit` and templates, all of them Ruby ERB. They
//! are rendered by real Ruby, in workers that live long and are started in a sandbox of the caller's
//! choosing, because a template may be any program; nothing of one job is there for the next. Around
//! that, pure: reading job archives, the hashes that decide what has changed, and the archive that an
//! agent gets.
//!
//! Source: reference of the deploy engine, section 12.

mod archive;
mod bytes;
mod error;
mod hash;
mod job;
mod pack;
mod pool;
mod request;
mod worker;

pub use archive::JobArchive;
pub use error::{Error, TemplateError};
pub use hash::{configuration_hash, template_hash};
pub use job::{File, RenderedJob, render};
pub use pack::{Packed, pack};
pub use pool::{Options, Pool};
pub use request::{Context, LinkValues};
