//! `warren firewall`: decide who may talk to monit and NATS.

mod arguments;
mod enable_monit_access;
mod explain;
mod report;
mod setup;
mod teardown;
mod verify;
mod watch;

use warren_firewall::setup::Error;
use warren_firewall::table::Kernel;
use warren_firewall::{identity, level};
use warren_lib_errchain::chain;

use crate::failure::Failure;
use crate::output::Format;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Setup(setup::Arguments),
    EnableMonitAccess(enable_monit_access::Arguments),
    Verify(verify::Arguments),
    Explain(explain::Arguments),
    Watch(watch::Arguments),
    Teardown(teardown::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Setup(arguments) => arguments.run(format),
            Verb::EnableMonitAccess(arguments) => arguments.run(format),
            Verb::Verify(arguments) => arguments.run(format),
            Verb::Explain(arguments) => arguments.run(format),
            Verb::Watch(arguments) => arguments.run(format),
            Verb::Teardown(arguments) => arguments.run(format),
        }
    }
}

/// Does a step over a connection to nftables; a failure says which step, and what to do.
fn with_kernel<T>(
    step: &str,
    work: impl FnOnce(&mut Kernel) -> Result<T, Error>,
) -> Result<T, Failure> {
    let mut kernel = Kernel::open().map_err(|error| failure(step, &error.into()))?;
    work(&mut kernel).map_err(|error| failure(step, &error))
}

/// The failure of a step, with what to do about it.
fn failure(step: &str, error: &Error) -> Failure {
    let failure = Failure::text(format!("{step}: {}", chain(error)));
    let remedy = match error {
        Error::Table(table) if lacks_permission(table) => {
            "run with CAP_NET_ADMIN in the user namespace that owns this network namespace \
             (docker: --cap-add NET_ADMIN)"
        }
        Error::Foreign(_) => {
            "look at it with 'nft list table inet bosh_agent'; 'warren firewall teardown' removes it"
        }
        Error::Identity(error) if lacks_socket_expression(error) => {
            "load the module on the host, 'modprobe nft_socket', or use a kernel with \
             CONFIG_NFT_SOCKET; '--on-unresolved uid' does without"
        }
        Error::Identity(_) => {
            "'warren cgroup show' tells what is known; '--on-unresolved uid' lets uid 0 through \
             instead of the agent's cgroup"
        }
        Error::Resolve(_) => "correct the name, or give the NATS server's address",
        Error::Job(warren_firewall::jobs::Error::NoChain) => {
            "start the agent, or run 'warren firewall setup' in this network namespace first"
        }
        Error::JobAtRoot => {
            "run the job in a cgroup of its own (bpm does); '--on-unresolved uid' lets its user \
             through instead"
        }
        Error::JobUnnamed(_) => "name the job with --job",
        Error::Guard(_) => "end the other 'warren firewall watch'",
        _ => return failure,
    };
    failure.remedy(remedy)
}

fn lacks_permission(error: &warren_firewall::table::Error) -> bool {
    use warren_firewall::table::Error::{Commit, List, Open};
    let (Open(cause) | List(cause) | Commit(cause)) = error;
    cause.errno() == Some(rustix::io::Errno::PERM)
}

/// The kernel knows no `socket` expression: the first rule to use it fails so.
fn lacks_socket_expression(error: &identity::Error) -> bool {
    let identity::Error::Level {
        source: level::Error::Load(cause),
        ..
    } = error
    else {
        return false;
    };
    cause.errno() == Some(rustix::io::Errno::NOENT)
}
