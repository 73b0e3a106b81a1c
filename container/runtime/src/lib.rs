//! Containers: what is wanted, what that means as an OCI bundle, and the engine that makes it.
//!
//! ```text
//! ContainerSpec ──┐
//!                 ├─ bundle ──► oci::Spec (config.json) ──┐
//! Host (facts) ───┘   pure rules                          ├─ engine ──► Container
//!                                    groups::Place ───────┘   namespaces, mounts, filters, fork
//! ```
//!
//! - [`spec`]: what the caller wants, in words of Garden; kept as JSON.
//! - [`oci`]: the OCI runtime specification's `config.json`, as far as it is used here.
//! - [`host`]: what the machine allows, found out by asking it.
//! - [`bundle`]: the rules that turn the first into the second, one small file for each.
//! - [`users`]: who a process runs as, by the container's own `passwd` and `group`.
//! - [`apparmor`]: the profile that a program runs under.
//! - [`groups`]: control groups of a container: where, how made, read, removed.
//! - [`engine`]: makes the container out of all that, in a process of one thread.
//! - [`identity`]: a process, told from later ones of the same pid.

pub mod apparmor;
pub mod bundle;
pub mod engine;
pub mod groups;
pub mod host;
pub mod identity;
pub mod oci;
pub mod spec;
pub mod users;

pub use spec::{ContainerSpec, ProcessSpec};
