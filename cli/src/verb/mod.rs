//! The verbs, one module each.

mod cgroup;
mod container;
mod device;
mod doctor;
mod firewall;
mod rootfs;
mod serve;

use crate::failure::Failure;
use crate::output::Format;

pub use rootfs::report_refused_line;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    /// Look at control groups
    #[command(subcommand)]
    Cgroup(cgroup::Verb),
    /// Make and use containers of a Garden server
    Container(container::Arguments),
    /// Look at device filters
    #[command(subcommand)]
    Device(device::Verb),
    /// Decide who may talk to monit and NATS
    #[command(subcommand)]
    Firewall(firewall::Verb),
    /// Make root file systems, and look at the store they are made in
    #[command(subcommand)]
    Rootfs(rootfs::Verb),
    /// Run a server
    #[command(subcommand)]
    Serve(serve::Verb),
    Doctor(doctor::Arguments),
}

impl Verb {
    /// Runs the verb; the answer is the exit code.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Cgroup(verb) => verb.run(format),
            Verb::Container(arguments) => arguments.run(format),
            Verb::Device(verb) => verb.run(format),
            Verb::Firewall(verb) => verb.run(format),
            Verb::Rootfs(verb) => verb.run(format),
            Verb::Serve(verb) => verb.run(format),
            Verb::Doctor(arguments) => arguments.run(format),
        }
    }
}
