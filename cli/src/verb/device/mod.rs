//! `warren device`: look at device filters.

mod explain;
mod name;
mod programs;
mod show;
mod subject;
pub mod usual;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Show(show::Arguments),
    Explain(explain::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Show(arguments) => arguments.run(format),
            Verb::Explain(arguments) => arguments.run(format),
        }
    }
}
