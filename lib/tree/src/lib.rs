//! Directory trees that somebody else built: removed and measured.
//!
//! Whoever has a shell in a container makes directories in directories until he is tired. So neither the
//! stack nor the number of open descriptors depends on how deep a tree is; paths are never put together, as
//! the kernel takes no longer ones than 4096 bytes; no symbolic link is followed and no mount entered.

mod remove;
mod usage;

pub use remove::{remove, remove_all};
pub use usage::usage;
