//! `warren firewall setup`.

use std::path::Path;

use warren_firewall::dns::SystemResolver;
use warren_firewall::setup;

use super::arguments::Wanted;
use super::{report, with_kernel};
use crate::failure::{Failure, exit};
use crate::output::{Format, show};

/// Put the rules in force and prove them with packets
///
/// Puts the rules in force in one transaction: there is no instant without protection, and after
/// a failure nothing has changed.
///
/// Exit code 0: in force and proved. 1: refused, or the proof failed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren firewall setup --nats 10.0.0.6:4222")]
pub struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let request = self.wanted.request()?;
        let mut resolver = SystemResolver::new(Path::new("/"));
        let outcome = with_kernel("setting up the firewall", |kernel| {
            setup::setup(kernel, &request, &mut resolver)
        })?;
        let holds = outcome.proof.holds();
        show(&report::Setup { outcome }, format)?;
        Ok(if holds { exit::GOOD } else { exit::BAD })
    }
}
