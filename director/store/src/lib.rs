//! What a director remembers.
//!
//! One schema on two databases: SQLite in a file of our own, or PostgreSQL by URL. Every table has a
//! module of its own with its row type and plain functions over [`Db`], which a pool and a
//! transaction both are, so that callers decide what belongs together:
//!
//! ```text
//! let mut tx = store.begin().await?;
//! let deployment = deployments::create(&mut *tx, "cf", &[]).await?;
//! variable_sets::create(&mut *tx, deployment.id).await?;
//! tx.commit().await?;
//! ```
//!
//! Columns are BIGINT and TEXT (see `docs/design/director.md`): booleans are 0 and 1, times are Unix
//! seconds, documents are JSON. Nothing here knows what a manifest is.

pub mod agent_tasks;
pub mod aliases;
pub mod attributes;
pub mod blobs;
pub mod compiled_packages;
pub mod configs;
pub mod deployments;
pub mod disks;
pub mod dns;
pub mod dynamic_disks;
pub mod errands;
mod error;
pub mod events;
pub mod external_links;
mod filter;
mod flag;
pub mod instances;
pub mod intents;
pub mod ips;
pub mod links;
pub mod locks;
mod migrate;
pub mod orphaned_vms;
pub mod output;
pub mod packages;
pub mod problems;
pub mod provision;
pub mod releases;
pub mod snapshots;
pub mod stemcells;
mod store;
pub mod tasks;
pub mod templates;
pub mod uuid;
pub mod variables;
pub mod vms;
mod wake;
pub mod work;

pub use error::Error;
pub use flag::Flag;
pub use store::{Db, Kind, Store, Transaction, now};
pub use wake::Listening;

/// The connection of a transaction, for functions that run several statements.
pub use sqlx::AnyConnection as Connection;
