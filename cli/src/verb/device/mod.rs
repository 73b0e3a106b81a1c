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
    /// List the device filters of a cgroup and which of the usual devices open
    Show(show::Arguments),
    /// Tell which cgroup denies a device
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
