//! The engine: makes a container and starts processes in it.
//!
//! Everything here is called in a process with one thread, the container's keeper, whose children
//! init and all other processes are: it calls `waitpid`. After [`Container::create`] the keeper
//! cannot be looked into by processes of its user (it is not *dumpable*), and its death is init's.
//!
//! ```text
//!            create                     start                    init's end
//! (nothing) ───────► created: init is ─────────► running ─────────────────► dead
//!                    pid 1 and waits             init's program
//! ```
//!
//! An external runtime can take the place of what makes the container: [`external`].

mod channel;
mod container;
mod create;
mod devices;
mod error;
pub mod external;
mod identity;
mod init;
mod join;
mod mounts;
mod oom;
mod own_root;
mod reopen;
mod rlimits;
mod root;
mod seccomp;
mod spawn;
mod target;
mod terminal;

pub use container::{Container, Devices, First, Inside, Options, Spawned, Stdio};
pub use error::{Error, Failure, SpawnError};
pub use seccomp::{ConfineError, confine};
pub use terminal::{Terminal, resize};
