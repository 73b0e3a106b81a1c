//! Control groups: which hierarchies exist, which group a process is in, and how to limit it.
//!
//! Where to look:
//!
//! | question | module |
//! |---|---|
//! | Is this v1, v2, both, and where? | [`layout`] |
//! | In which group is this process, and in which directory? | [`proc_file`], [`locate`] |
//! | What is my group's id, the number nftables compares? | [`identity`] |
//! | Which cgroup namespace am I in? | [`namespace`] |
//! | Limit what a group may use | [`limits`] |
//! | What has it used, is it starved? | [`stats`], [`pressure`] |
//! | Has it come, gone, emptied, frozen? Killed for memory? | [`watch`], [`oom`] |
//! | The same group in all hierarchies at once | [`set`] |
//! | Make, fill, freeze, kill, delegate, remove a group | [`Cgroup`] (v2), [`V1Group`] |
//!
//! Nothing here trusts the path `/sys/fs/cgroup` or assumes that a mount can be seen at all; see
//! `Documentation/admin-guide/cgroup-v2.rst` in the kernel for what the files mean.

mod below;
mod dir;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod group;
mod id;
pub mod identity;
mod inotify;
pub mod layout;
pub mod limits;
pub mod locate;
mod meaning;
pub mod namespace;
pub mod oom;
pub mod path;
pub mod pressure;
pub mod proc_file;
pub mod set;
pub mod stats;
pub mod v1;
pub mod watch;

pub use error::{Error, Meaning, Step, Undelegated};
pub use group::Cgroup;
pub use id::CgroupId;
pub use identity::Identity;
pub use layout::Layout;
pub use limits::{Bound, Limits};
pub use locate::{Located, Process};
pub use namespace::Namespace;
pub use oom::OomWatcher;
pub use path::NsPath;
pub use proc_file::ProcessCgroups;
pub use set::GroupSet;
pub use v1::V1Group;
pub use watch::Watcher;
