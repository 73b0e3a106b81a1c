//! Processes: capabilities, namespaces, and packets sent from inside a given cgroup.
//!
//! Safe faces of the few process operations that Warren needs and that the
//! standard library lacks. Nothing here knows containers or BOSH.

pub mod capabilities;
mod child;
pub mod idmap;
pub mod lifecycle;
pub mod namespaces;
pub mod packet;
pub mod user_namespace;
