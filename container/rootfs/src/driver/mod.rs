//! How a writable root file system comes to lie over read-only layers: a ladder of ways, of which
//! the highest that works is taken.
//!
//! | rung | upper layer | making one costs | limit kept by |
//! |---|---|---|---|
//! | overlay | in the store | nothing | project quota |
//! | overlay elsewhere | on another file system, where the store's cannot be an upper (overlay, NFS) | nothing | project quota there |
//! | overlay tmpfs | in memory | nothing | size of the tmpfs |
//! | fuse-overlayfs | in the store | a process | project quota |
//! | reflink | – | a walk over all files | project quota |
//! | copy | – | a copy of all data | project quota |
//!
//! Where there is no project quota, or it does not hold on the rung, nothing keeps a limit.
//!
//! Nothing is concluded from versions or magic numbers: [`probe()`] does on every rung what a
//! container will do, and keeps the step and error of what failed.

mod cache;
mod error;
mod fuse;
mod limit;
mod overlay;
mod probe;
mod report;
mod trial;

pub use error::{Error, Step};
pub use probe::probe;
pub use report::{Outcome, Report, Rung, Tried};

pub(crate) use cache::cached_probe;
pub(crate) use fuse::mount as mount_fuse;
pub(crate) use limit::{FIRST as FIRST_PROJECT, state as quota_state};
pub(crate) use overlay::{Overlay, mount as mount_overlay, mount_tmpfs, unmount_all};
