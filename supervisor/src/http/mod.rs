//! Monit's HTTP interface.
//!
//! [`head`] and [`auth`] read what clients send, `route` decides, [`xml`] and [`text`] write what
//! it says; `server` owns the sockets, and [`client`] is what the `monit` command line asks with.

pub mod auth;
pub mod client;
pub mod head;
mod page;
mod route;
pub(crate) mod server;
pub mod text;
pub mod xml;

#[cfg(test)]
mod tests;
