//! `warren stemcell`: stemcells, made and looked at.

mod build;
mod inspect;
mod output;
mod repack;
mod root;
mod steps;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Build(Box<build::Arguments>),
    Inspect(inspect::Arguments),
    Repack(repack::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Build(arguments) => arguments.run(format),
            Verb::Inspect(arguments) => arguments.run(format),
            Verb::Repack(arguments) => arguments.run(format),
        }
    }
}
