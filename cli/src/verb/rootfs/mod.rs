//! `warren rootfs`: root file systems and the store they are made in.

mod arguments;
mod clean;
mod image;
mod plugin;
mod preload;
mod probe;
mod progress;
mod pull;

use crate::failure::Failure;
use crate::output::Format;

pub use arguments::{RegistryArguments, pull_failure};
pub use plugin::report_refused_line;
pub use probe::rung_name;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Probe(probe::Arguments),
    Pull(pull::Arguments),
    Preload(preload::Arguments),
    Create(image::Create),
    Delete(image::Delete),
    List(image::List),
    Stats(image::Stats),
    Clean(clean::Arguments),
    Plugin(plugin::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Probe(arguments) => arguments.run(format),
            Verb::Pull(arguments) => arguments.run(format),
            Verb::Preload(arguments) => arguments.run(format),
            Verb::Create(arguments) => arguments.run(format),
            Verb::Delete(arguments) => arguments.run(format),
            Verb::List(arguments) => arguments.run(format),
            Verb::Stats(arguments) => arguments.run(format),
            Verb::Clean(arguments) => arguments.run(format),
            Verb::Plugin(arguments) => Ok(arguments.run()),
        }
    }
}
