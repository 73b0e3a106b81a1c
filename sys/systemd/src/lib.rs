//! Units of systemd: started for a while, looked at, stopped.
//!
//! systemd owns the cgroup tree of the machine it runs. Whoever wants a part of it for himself
//! asks systemd for a unit with `Delegate=yes` and keeps to the group of that unit; see
//! `CGROUP_DELEGATION` of systemd. The asking is D-Bus, here over `/run/systemd/private`, where pid 1
//! itself listens: no bus daemon has to be there, which a small container rarely has, and root alone
//! gets in.
//!
//! | module | |
//! |---|---|
//! | [`message`] | the codec of D-Bus, as far as these calls need it; no I/O |
//! | [`bus`] | one connection: authentication, a call and its answer |
//! | [`mod@unit`] | the calls of the manager |
//!
//! Sources: the D-Bus specification (message protocol, authentication protocol), and
//! `org.freedesktop.systemd1(5)`.

pub mod bus;
pub mod error;
pub mod message;
#[cfg(test)]
mod tests;
pub mod unit;

pub use bus::SOCKET;
pub use error::Error;
pub use unit::{Manager, Property, Unit, Value};
