//! `warren firewall verify`.

use std::path::Path;

use warren_firewall::dns::SystemResolver;
use warren_firewall::setup;

use super::arguments::Wanted;
use super::{report, with_kernel};
use crate::failure::{Failure, exit};
use crate::output::{Format, show};

/// Compare the rules in force with those asked for and prove them; change nothing
///
/// Takes the flags that set the firewall up, and tells what differs.
///
/// Exit code 0: as asked for and proved. 1: it differs, or the proof failed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren firewall verify --nats 10.0.0.6:4222 --json")]
pub struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let request = self.wanted.request()?;
        let mut resolver = SystemResolver::new(Path::new("/"));
        let outcome = with_kernel("verifying the firewall", |kernel| {
            setup::verify(kernel, &request, &mut resolver)
        })?;
        let is_good = outcome.changes.is_empty() && outcome.proof.holds();
        show(&report::Verify { outcome }, format)?;
        Ok(if is_good { exit::GOOD } else { exit::BAD })
    }
}
