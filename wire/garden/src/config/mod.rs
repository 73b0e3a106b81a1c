//! The configuration of a Garden server: `config.ini` and command line.
//!
//! [`ini`] reads the file's text, [`FLAGS`] names what may be in it, and
//! [`Settings`] holds the typed result. The long name of a flag is its key in
//! the file's `[server]` section.

mod flags;
pub mod ini;
mod settings;
#[cfg(test)]
mod tests;
mod unquote;
mod value;

pub use flags::{FLAGS, Flag, OWN, flag};
pub use settings::{Settings, SettingsError};
pub use value::{Cidr, Kind, Value, ValueError};
