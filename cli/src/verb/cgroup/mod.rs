//! `warren cgroup`: look at control groups.

mod collect;
mod limits;
mod render;
mod show;
mod view;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Show(show::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Show(arguments) => arguments.run(format),
        }
    }
}
