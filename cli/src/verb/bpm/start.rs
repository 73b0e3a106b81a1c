//! `warren bpm start`.

use warren_bpm::act::Bpm;

use super::Which;
use crate::failure::{Failure, exit};

/// Start a process; one that is running is left alone
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm start nats")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm) -> Result<u8, Failure> {
        bpm.start(&self.which.name()?)?;
        Ok(exit::GOOD)
    }
}
