//! `warren bpm stop`.

use warren_bpm::act::Bpm;

use super::Which;
use crate::failure::{Failure, exit};

/// Stop a process; one that is not running is no error
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm stop nats")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm) -> Result<u8, Failure> {
        bpm.stop(&self.which.name()?)?;
        Ok(exit::GOOD)
    }
}
