//! The verbs, one module each.

mod cgroup;
mod device;
mod doctor;
mod firewall;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    /// Look at control groups
    #[command(subcommand)]
    Cgroup(cgroup::Verb),
    /// Look at device filters
    #[command(subcommand)]
    Device(device::Verb),
    /// Decide who may talk to monit and NATS
    #[command(subcommand)]
    Firewall(firewall::Verb),
    Doctor(doctor::Arguments),
}

impl Verb {
    /// Runs the verb; the answer is the exit code.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Cgroup(verb) => verb.run(format),
            Verb::Device(verb) => verb.run(format),
            Verb::Firewall(verb) => verb.run(format),
            Verb::Doctor(arguments) => arguments.run(format),
        }
    }
}
