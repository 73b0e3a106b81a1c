//! Processes: capabilities, namespaces, and packets sent from inside a given cgroup.
//!
//! Safe faces of the few process operations that Warren needs and that the
//! standard library lacks. Nothing here knows containers or BOSH.

pub mod busy;
pub mod capabilities;
mod child;
mod clone3;
pub mod daemon;
pub mod descriptor_limit;
pub mod descriptors;
pub mod ending;
pub mod enter;
pub mod exec;
pub mod fork;
pub mod idmap;
pub mod init;
pub mod landlock;
pub mod lifecycle;
pub mod mapped_namespace;
pub mod namespaces;
pub mod noted;
pub mod packet;
pub mod passing;
pub mod seccomp;
pub mod stat;
pub mod supervise;
pub mod user_namespace;
