//! Release tarballs, read as streams: of source, compiled, or only in part.
//!
//! ```text
//! release.MF                what there is; usually first, but anywhere will do
//! jobs/NAME.tgz             each with a job.MF, monit and templates/
//! packages/NAME.tgz         or
//! compiled_packages/NAME.tgz
//! license.tgz LICENSE* NOTICE*
//! ```
//!
//! What `release.MF` lists may be absent: a command line leaves out what the director has. What is
//! there has the digest that is listed, or the tarball is refused. Other members are passed over.

mod error;
mod job;
mod read;
mod redigest;
mod write;

pub use error::{Error, JobError};
pub use read::{Archive, Job, Keep, Limits, Package, Release, read};
pub use redigest::redigest;
pub use write::{Listed, write};
