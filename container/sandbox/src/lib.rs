//! A program that may compute and do nothing else.
//!
//! What runs here reads its input and writes its output, sees the files of the operating system and
//! its own, and nothing else: no network, no file to write, no other process, bounded memory. It is
//! for programs that others have written, such as a job's templates.
//!
//! ```text
//! caller ── fork into namespaces ──► ids ─► files ─► limits ─► rights ─► Landlock ─► system calls ─► program
//!    │  ◄── how far it came ────────────┘
//!    └── waits for it, takes it along when killed
//! ```
//!
//! The kernel may refuse namespaces, for instance inside a container that is not privileged. There
//! are three rungs ([`plan::Rung`]), tried from the top; each failure is kept with its reason, and
//! [`Report`] tells what holds by which means. Where nothing keeps the program from files, or from
//! the network, it is not started.
//!
//! | | from files | from writing | from the network | from processes |
//! |---|---|---|---|---|
//! | namespaces | a root of its own | read-only mounts, Landlock | no interface; no sockets | a pid namespace |
//! | user namespace | the same | the same | the same | the same |
//! | bare | Landlock | Landlock | no sockets | no call to start, signal or trace any |

mod error;
mod filter;
mod inner;
mod limits;
mod outer;
pub mod plan;
mod report;
mod rights;
mod root;
mod rules;
pub mod view;

pub use error::Error;
pub use outer::{check, run};
pub use plan::Options;
pub use report::Report;

/// The user and group that a program of root's runs as. Debian reserves 65000 to 65533 and gives
/// them to nobody.
pub const NOBODY_ELSE: u32 = 65533;
