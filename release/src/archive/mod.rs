//! Archives as BOSH uses them: tar, compressed with gzip or not.

mod read;
mod write;

pub(crate) use read::{Data, Limited, Name, Plain, member_name};
pub use write::Compression;
pub(crate) use write::{EPOCH, Members, member};
