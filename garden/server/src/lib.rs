//! The Garden server: containers over HTTP, as stock clients know it.
//!
//! ```text
//! clients ── http ── api ── gardener ─┬─ container/rootfs    image ─► root directory
//!              │                      ├─ container/network   addresses, rules
//!              └── process ◄──────────┴─ container/shim      processes
//!                 (control and output sockets)
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | what a server is told; from the stock server's settings |
//! | [`http`] | HTTP/1.1 by hand, and sockets |
//! | [`api`] | one file for each kind of call |
//! | [`process`] | control and output sockets of processes |
//! | [`gardener`] | containers: image, network and processes joined; synchronous |
//! | [`debug`] | `/debug/vars` |
//! | [`log`] | what whoever runs the server is told |
//!
//! # Life of a server
//!
//! ```text
//! listening ─► backend opened, everything found again ─► ready, serving ─► SIGTERM or SIGINT
//!   clients wait in the socket's queue                                        │
//!               gone ◄─ calls that were being answered are (for 10 s at most) ◄┘
//! ```
//!
//! Containers and their processes live on, whether the server ends so or is killed.

pub mod api;
pub mod config;
pub mod debug;
pub mod gardener;
pub mod http;
pub mod log;
pub mod process;
mod serve;
pub mod without_effect;

pub use config::{Config, ConfigError};
pub use gardener::groups::{Driver, systemd::SOCKET as SYSTEMD};
pub use gardener::image::{Credentials, LocalOnly, Opened, Sources};
pub use serve::{Error, Ready, serve};
