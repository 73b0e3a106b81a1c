//! Stemcells: what virtual machines are made of.
//!
//! ```text
//! root file system ─► Facts ─► plan (pure) ─► pack ─► image ─┬─► write_heavy    the image inside
//!   a directory         what     what to add    one pass     │
//!   (or made by         is       and leave out               └─► a registry ─► write_light
//!   debian::bootstrap)  there                                    the image by its digest
//! ```
//!
//! The root file system itself is only read: what a stemcell needs beside it goes over it while the
//! image is packed, so neither mounts nor a chroot nor, for a tree that may be read, root are needed.

mod accounts;
pub mod debian;
mod error;
mod facts;
mod pack;
mod plan;
mod repack;
pub mod sources;
mod tarball;
mod write;

pub use error::Error;
pub use facts::Facts;
pub use pack::{Image, pack};
pub use plan::{Node, Plan, Put, Wanted, plan};
pub use repack::{Repack, repack};
pub use tarball::{Limits, Stemcell, read};
pub use write::{Light, heavy_manifest, light_manifest, write_heavy, write_light};
