//! Containers in containers, with `warren serve garden` at every level.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod bpm;
mod checks;
mod how_to;
mod issue_4;
mod levels;
mod registry;
mod rungs;
mod tower;
