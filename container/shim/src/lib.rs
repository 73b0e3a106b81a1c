//! One small process per container, and the depot that talks to it.
//!
//! ```text
//!   server ── Depot ──► DEPOT/HANDLE/shim.sock ──► shim ── engine ──► init, processes
//! ```
//!
//! The shim ([`run`]) is the parent of all that its container runs: it holds pipes and terminals,
//! keeps exit codes and output, and outlives whoever asked for them. [`Depot`] is the other end:
//! it makes containers, reaches the living and clears away the dead. Both are described in
//! `docs/design/containers.md`; the protocol between them in [`frame`] and [`wire`].

mod bundle;
pub mod depot;
mod exit;
mod files;
mod forget;
pub mod frame;
mod name;
mod processes;
mod record;
mod report;
mod ring;
mod shim;
pub mod spec;
pub mod wire;

pub use depot::{ConfigFile, Created, Depot, Error, Found, Outcome, Session, StreamIn, StreamOut};
pub use exit::Exit;
pub use forget::forget;
pub use shim::run;
pub use wire::{Phase, Process, State};
