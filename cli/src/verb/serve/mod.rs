//! `warren serve`: daemons.

mod garden;
mod images;
mod stock_flags;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Garden(garden::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Garden(arguments) => arguments.run(format),
        }
    }
}
