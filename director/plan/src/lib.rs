//! What a director does to make machines look like a manifest. Pure: no database, no files, no agents.
//!
//! ```text
//! Input ──assemble──► Draft ──(addresses reserved, variables made, templates rendered)──►
//!                       │
//!                       ├─ compile::plan          which packages to compile, in which order
//!                       ├─ changes::of            why an instance must be updated, if at all
//!                       └─ order::of              who goes first, who goes together
//! ```
//!
//! [`assemble()`] decides which instance is where, with which number, id and addresses; whose machine gives
//! its place to another one; what every job gets through links; and what every template may know. Rendering happens outside, for it needs Ruby
//! and secrets; what it gives comes back as hashes into [`changes`].
//!
//! Source: reference of the deploy engine, sections 8 to 15.

pub mod addresses;
mod assemble;
pub mod changes;
pub mod compile;
mod error;
mod input;
pub mod json;
pub mod links;
pub mod machine;
pub mod names;
mod networks;
pub mod order;
mod output;
pub mod placeholders;
mod placement;
pub mod problems;
pub mod properties;
pub mod settings;
pub mod spec;
mod swap;
#[cfg(test)]
mod tests;
pub mod unused;
pub mod versions;

pub use assemble::assemble;
pub use error::Error;
pub use input::{
    AgentState, Compiled, Director, Disk, Existing, Input, Instance, Job, NameIds, Options,
    Package, Provider, Release, Spare, StateChange, Stemcell, Taken, Vm,
};
pub use output::{
    AddressPlan, DiskWanted, Draft, Group, InstancePlan, JobPlan, NetworkPlan, Reservation, State,
    Swap,
};
