//! `warren bpm logs`.

use warren_bpm::act::{Bpm, LogOptions, Streams};

use super::{Which, status};
use crate::failure::Failure;

/// Show what a process has said
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm logs nats --all --follow")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,

    /// What it printed and what it complained about
    #[arg(short, long)]
    all: bool,

    /// What it complained about
    #[arg(short, long)]
    err: bool,

    /// Wait for more
    #[arg(short, long)]
    follow: bool,

    /// As many lines
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 25)]
    lines: u64,

    /// Leave out the names of files
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm) -> Result<u8, Failure> {
        let options = LogOptions {
            streams: match (self.all, self.err) {
                (true, _) => Streams::Both,
                (false, true) => Streams::Err,
                (false, false) => Streams::Out,
            },
            follow: self.follow,
            lines: self.lines,
            quiet: self.quiet,
        };
        let command = bpm.logs(&self.which.name()?, &options)?;
        Ok(status(Bpm::to_its_end(command)?))
    }
}
