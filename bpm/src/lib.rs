//! The process runner: what a job's `bpm.yml` says, as a running process in a container of its own.
//!
//! ```text
//! bpm.yml ─ wire/bpm ─► Process ──┐
//!                                 ├─ plan (pure) ──► bundle, directories, limits
//! Host (facts), User, volumes ────┘                        │
//!                                                          ▼
//!     lock ─► state ─► directories ─► logs ─► hook ─► engine ─► pid file      (act::start)
//! ```
//!
//! - [`root`]: where everything is below `/var/vcap`.
//! - [`plan`]: the rules that turn a process's configuration into a bundle.
//! - [`state`]: what is written down of a running process, and its on-disk layout.
//! - [`act`]: the verbs: start, stop, run, pid, list, logs, shell, trace.
//! - [`init`]: the first process of each container.
//!
//! Nothing stays of a verb but the process that it started: no daemon, no keeper. The kernel gives
//! the process to the machine's pid 1 when `start` ends; whoever watches it does so by its pid file.

pub mod act;
mod error;
mod files;
mod glob;
pub mod groups;
pub mod host;
pub mod init;
mod lock;
mod log;
pub mod plan;
mod process;
pub mod root;
mod scope;
pub mod settings;
pub mod state;

pub use error::{Error, Step};
pub use root::Root;
pub use settings::{Isolation, Settings};
