//! A director in a container, with all that belongs to it: made, looked at, stopped and removed.
//!
//! ```text
//! HOME/                     /var/lib/warren
//!   lock                    held while something is changed
//!   environment.json        what was asked for, and what was found out; 0600
//!   bin/warren              the executable of all levels
//!   images/KEY.tar.gz       the root file system of directors and machines
//!   images/KEY.json         what is in it
//!   images/KEY.stemcell.tgz the light stemcell that names it
//!   init                    the first process of the containers of this level's Garden
//!   garden.sock garden.log  the Garden server of this level
//!   forwarding              there while packets are forwarded for its sake, see `forwarding`
//!   garden/                 its depot, its images, its records
//!   shared/                 layers that are unpacked at level 0, at the levels below, see `layers`
//!   next/                   what the container of the next level sees as /var/lib/warren: the same
//!     ...                   again, and in the last one
//!     director/             the director's home
//!     cpi/ cpi.json         what its CPI keeps, and is told
//!     vcap/                 jobs, monit, sys, data: what is seen as /var/vcap/...
//! ```
//!
//! Each level is a Garden server and one container of it, down to the one with the director. As the
//! directory of each level is bound into its container, all of them, their sockets and their logs are
//! below one directory of the machine: whatever is deep inside is reached without going through what
//! is around it.
//!
//! Nothing here waits for a caller that went away: what was made until then is found by the next call.

mod boot;
mod choice;
mod claims;
mod configs;
mod container;
mod down;
mod error;
mod evidence;
mod executable;
mod files;
mod find;
mod forwarding;
mod garden;
mod image;
mod instances;
mod jobs;
mod layers;
mod level;
mod lock;
mod looking;
mod loss;
mod machines;
mod mounts;
mod neighbours;
mod network;
mod prepare;
mod process;
mod record;
mod rests;
mod server;
mod services;
pub mod status;
mod step;
mod stop;
pub mod tree;
mod up;

pub use boot::Access;
pub use down::down;
pub use error::Error;
pub use executable::another as another_executable;
pub use find::{Found, Place, find};
pub use image::ImageOptions;
pub use level::{Level, levels};
pub use looking::Looking;
pub use loss::{Loss, loss};
pub use neighbours::Holder;
pub use process::{Process, process};
pub use record::{Database, Record};
pub use rests::awake;
pub use step::{Progress, Silent};
pub use stop::{start, stop};
pub use up::{Options, Ready, up};
