//! Real supervisors with real processes: files written as releases write them, the interface asked as
//! the agent asks it.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod embedded;
mod groups;
mod hostile;
mod peer;
mod program;
mod restart;
mod world;
