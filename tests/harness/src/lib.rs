//! Namespaces, actors and leak checks for the tests that need a kernel.
//!
//! A test that asks "what does a process see there, and what may it do?" puts a
//! process there. The parts:
//!
//! - [`Sandbox`]: a fresh cgroup and a fresh network namespace, gone when dropped.
//! - [`Actor`]: a process in a chosen cgroup, with chosen namespaces, mounts,
//!   capabilities and ids, that does and reports what the test asks. Actors can
//!   start actors inside themselves, which is how nesting is built.
//! - [`NetNs`]: a network namespace; veth pairs and bridges between them.
//! - [`Leaks`]: what the machine holds before and after.
//! - [`debian`]: root file systems of Debian packages.
//! - [`page`]: blocks of the documentation, to be used as they stand there.
//! - [`Port`]: a port that nobody else gets by chance.
//! - [`Postgres`]: a PostgreSQL server of the test's own.
//! - [`programs`]: the `warren` executable and the actor's own, built when needed.
//!
//! Everything panics at the caller's line when a step fails: in a test there is
//! nobody to handle an error. All of it needs root.
//!
//! What a test makes is named `warren-test-PID-...` and dies with the test, even
//! when that is killed: actors end when the pipe to the test closes, and take the
//! programs they started along.

mod actor;
mod background;
mod builder;
pub mod cgroup;
pub mod debian;
mod gate;
mod leaks;
mod line;
mod mountinfo;
mod net;
pub mod page;
mod port;
mod postgres;
mod processes;
pub mod programs;
pub mod protocol;
mod removal;
mod rootfs;
mod sandbox;
mod script;
pub mod serve;

pub use self::actor::{Actor, Refused};
pub use self::background::Background;
pub use self::builder::ActorBuilder;
pub use self::gate::{Exclusive, Shared, exclusive, shared};
pub use self::leaks::Leaks;
pub use self::net::{NetNs, bridge, veth};
pub use self::port::Port;
pub use self::postgres::Postgres;
pub use self::processes::has_ended;
pub use self::protocol::{Connected, MountStep, Ns, Opened, Output};
pub use self::removal::remove_dir;
pub use self::rootfs::RootfsTar;
pub use self::sandbox::Sandbox;
pub use self::script::{copy_executable, executable};
