//! `warren serve`: daemons.

mod agent;
mod director;
mod dns;
mod garden;
mod images;
mod stock_flags;
pub(super) mod supervisor;
mod templates;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Agent(agent::Arguments),
    Director(director::Arguments),
    Dns(dns::Arguments),
    Garden(garden::Arguments),
    Supervisor(supervisor::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        crate::umask::usual();
        match self {
            Verb::Agent(arguments) => arguments.run(format),
            Verb::Director(arguments) => arguments.run(format),
            Verb::Dns(arguments) => arguments.run(format),
            Verb::Garden(arguments) => arguments.run(format),
            Verb::Supervisor(arguments) => arguments.run(format),
        }
    }
}
