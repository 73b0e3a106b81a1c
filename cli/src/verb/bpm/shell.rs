//! `warren bpm shell`.

use warren_bpm::act::Bpm;

use super::{Which, status};
use crate::failure::Failure;

/// Open a shell beside a process and end with its exit code
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm shell nats")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm) -> Result<u8, Failure> {
        let term = std::env::var("TERM").unwrap_or_default();
        Ok(status(bpm.shell(&self.which.name()?, &term)?))
    }
}
