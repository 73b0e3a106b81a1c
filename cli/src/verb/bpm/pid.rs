//! `warren bpm pid`.

use warren_bpm::act::Bpm;

use super::Which;
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Tell the pid of a process
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm pid nats")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm, format: Format) -> Result<u8, Failure> {
        let pid = bpm.pid(&self.which.name()?)?;
        match format {
            Format::Human => println!("{pid}"),
            Format::Json => println!("{}", serde_json::json!({ "pid": pid })),
        }
        Ok(exit::GOOD)
    }
}
