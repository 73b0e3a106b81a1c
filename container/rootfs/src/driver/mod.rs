//! How a writable root file system comes to lie over read-only layers: a ladder of ways, of which
//! the highest that works is taken.
//!
//! | rung | upper layer | making one costs | quota |
//! |---|---|---|---|
//! | overlay | in the store | nothing | accounting |
//! | overlay elsewhere | on another file system, where the store's cannot be an upper (overlay, NFS) | nothing | accounting |
//! | overlay tmpfs | in memory | nothing | size of the tmpfs |
//! | fuse-overlayfs | in the store | a process | accounting |
//! | reflink | – | a walk over all files | accounting |
//! | copy | – | a copy of all data | accounting |
//!
//! Nothing is concluded from versions or magic numbers: [`probe()`] does on every rung what a
//! container will do, and keeps the step and error of what failed.

mod cache;
mod error;
mod fuse;
mod overlay;
mod probe;
mod report;
mod trial;

pub use error::{Error, Step};
pub use probe::probe;
pub use report::{Outcome, Report, Rung, Tried};

pub(crate) use cache::cached_probe;
pub(crate) use fuse::mount as mount_fuse;
pub(crate) use overlay::{Overlay, mount as mount_overlay, mount_tmpfs, unmount_all};
