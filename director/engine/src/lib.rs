//! What a director's workers do: tasks, from their rows to machines.
//!
//! ```text
//! worker ── claims a row ──► jobs::run ──► one job, one file
//!    └ renews its lease, its locks        uses: task (log, events, cancelling), plan, and the
//!                                         steps: vm, disks, compile, render, update, dns
//! ```
//!
//! A job is idempotent: it compares what is wanted with what there is, so that one that is begun again
//! after its worker died goes on where that one stopped.
//!
//! Source: reference of the deploy engine; `docs/design/director.md`.

mod agent_task;
mod alerts;
mod certificates;
mod compile;
mod config;
mod cpis;
mod deliver;
mod disks;
pub mod dns;
mod documents;
mod engine;
mod error;
mod event_log;
mod fingerprints;
mod inputs;
mod intent;
pub mod jobs;
mod lease;
mod lock;
mod lost;
mod many;
mod reach;
mod render;
pub mod scheduled;
mod signed;
mod silent;
mod swap;
mod task;
mod update;
mod variables;
mod vm;
mod worker;

pub use config::{Config, Nats};
pub use engine::{Engine, Parts};
pub use error::Error;
pub use event_log::{Stage, Step};
pub use signed::SignedUrls;
pub use task::Task;
pub use worker::{Worker, run};
