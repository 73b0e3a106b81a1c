//! A blocking client of the director's HTTP API.
//!
//! It speaks to stock directors and to ours alike, and keeps to what the stock command line sends.
//! What a server answers is not trusted: every answer is bounded, wrong types are errors that name
//! the step, and redirections are only followed to paths of the same server.
//!
//! - [`Director`]: one server, with methods by collection (`deployments`, `releases`, ...).
//! - [`tasks`]: what was started, followed by [`Director::follow`] with byte ranges.
//! - [`event`] and [`reporter`]: lines of event logs, and how they look on a terminal. Pure.
//! - [`capture`]: packets that instances captured, as one file. Pure.
//! - [`uaa`]: the token server of a director that has one.
//! - [`config_file`]: `~/.bosh/config`, the environments that a user has named.

mod authorization;
pub mod capture;
pub mod clock;
pub mod config_file;
pub mod configs;
pub mod deployments;
mod director;
pub mod disks;
mod error;
pub mod event;
pub mod follow;
mod http;
pub mod info;
pub mod instances;
pub mod jobs;
pub mod networks;
pub mod releases;
pub mod reporter;
pub mod rest;
pub mod snapshots;
pub mod stemcells;
mod target;
pub mod tasks;
mod text;
pub mod uaa;
pub mod vms;

pub use authorization::{Credentials, Keep};
pub use director::{Director, Raw, Settings};
pub use error::Error;
pub use http::{Body, Method, Progress};
pub use target::Target;
pub use text::{Query, path_segment};
