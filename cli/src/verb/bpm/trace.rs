//! `warren bpm trace`.

use warren_bpm::act::Bpm;

use super::{Which, status};
use crate::failure::Failure;

/// Show the system calls of a process, with strace
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm trace nats")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm) -> Result<u8, Failure> {
        let command = bpm.trace(&self.which.name()?)?;
        Ok(status(Bpm::to_its_end(command)?))
    }
}
