//! A CPI: machines and disks of a director, as containers of a Garden server and files beside it.
//!
//! One call is one process: a document in, a document out ([`answer()`]). Nothing stays behind but what
//! the call was for; what there is, is asked of Garden, the mount table and the directories of
//! [`place`].
//!
//! ```text
//! request ─► Call ─► method/NAME.rs ─► Garden: containers, settings, the agent's start
//!                                  └─► host:   directories, self-binds, disks, stemcells
//! ```
//!
//! The parts without side effects ([`config`], [`networks`], [`properties`], [`settings`]) are apart
//! from those that do things.

mod answer;
pub mod config;
mod disk;
mod error;
mod forgotten;
mod garden;
mod lock;
mod mounts;
mod name;
pub mod networks;
pub mod place;
pub mod properties;
pub mod settings;
mod start;
mod stemcell;
mod vm;

mod method;

pub use answer::{Cpi, answer, read};
pub use config::{Config, ConfigError};
pub use error::Error;
