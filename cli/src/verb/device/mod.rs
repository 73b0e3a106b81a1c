//! `warren device`: look at device filters.

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {}

impl Verb {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        match self {}
    }
}
