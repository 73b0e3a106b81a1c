//! The verbs, one module each.

mod bpm;
mod cgroup;
mod completions;
mod container;
mod cpi;
mod device;
pub mod director;
mod doctor;
mod firewall;
mod init;
mod man_pages;
mod monit;
pub mod nested;
mod release;
mod rootfs;
mod sandbox;
mod serve;
mod stemcell;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::output::Format;
use crate::umask;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    /// Run the processes of BOSH jobs
    Bpm(bpm::Arguments),
    /// Look at control groups
    #[command(subcommand)]
    Cgroup(cgroup::Verb),
    #[command(alias = "completion")]
    Completions(completions::Arguments),
    /// Make and use containers of a Garden server
    Container(container::Arguments),
    Cpi(cpi::Arguments),
    /// Look at device filters
    #[command(subcommand)]
    Device(device::Verb),
    /// Decide who may talk to monit and NATS
    #[command(subcommand)]
    Firewall(firewall::Verb),
    Init(init::Arguments),
    ManPages(man_pages::Arguments),
    Monit(monit::Arguments),
    /// Make releases, and look at them
    #[command(subcommand)]
    Release(release::Verb),
    /// Make root file systems, and look at the store they are made in
    #[command(subcommand)]
    Rootfs(rootfs::Verb),
    Sandbox(sandbox::Arguments),
    /// Run a server
    #[command(subcommand)]
    Serve(serve::Verb),
    /// Make stemcells, and look at them
    #[command(subcommand)]
    Stemcell(stemcell::Verb),
    Doctor(doctor::Arguments),
    #[command(flatten)]
    StockRelease(release::Stock),
    #[command(flatten)]
    Nested(nested::Verb),
    #[command(flatten)]
    Director(director::Verb),
}

impl Verb {
    /// Runs the verb; the answer is the exit code.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        if matches!(self, Verb::Cpi(_) | Verb::Init(_)) {
            umask::usual();
        }
        match self {
            Verb::Bpm(arguments) => arguments.run(format),
            Verb::Cgroup(verb) => verb.run(format),
            Verb::Completions(arguments) => arguments.run(format),
            Verb::Container(arguments) => arguments.run(format),
            Verb::Cpi(arguments) => arguments.run(format),
            Verb::Device(verb) => verb.run(format),
            Verb::Firewall(verb) => verb.run(format),
            Verb::Init(arguments) => arguments.run(format),
            Verb::ManPages(arguments) => arguments.run(format),
            Verb::Monit(arguments) => arguments.run(format),
            Verb::Release(verb) => verb.run(format),
            Verb::Rootfs(verb) => verb.run(format),
            Verb::Sandbox(arguments) => arguments.run(format),
            Verb::Serve(verb) => verb.run(format),
            Verb::Stemcell(verb) => verb.run(format),
            Verb::Doctor(arguments) => arguments.run(format),
            Verb::StockRelease(verb) => Ok(verb.run(format)),
            Verb::Nested(verb) => verb.run(format),
            Verb::Director(verb) => verb.run(format),
        }
    }
}

/// Turns flags of stock tools that are no flags of ours into ours.
pub fn from_stock_flags(arguments: &mut [OsString]) {
    cpi::from_stock(arguments);
}

pub use release::without_common_flags;

/// Tells of a command line that is not understood in the way that the verb's callers expect; `None`
/// for verbs that have no way of their own.
pub fn report_refused_line(arguments: &[OsString], error: &clap::Error) -> Option<ExitCode> {
    rootfs::report_refused_line(arguments, error)
        .or_else(|| bpm::report_refused_line(arguments, error))
}
