//! `warren bpm run`.

use warren_bpm::Error;
use warren_bpm::act::{Bpm, RunOptions};
use warren_wire_bpm::volume;

use super::{Which, status};
use crate::failure::Failure;

/// Run a process to its end and end with its exit code
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren bpm run postgres -p backup -v /var/vcap/data/backup:writable -e \
                  LEVEL=9"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,

    /// One more volume, with any of the options writable, mount_only, allow_executions, shared; may
    /// be repeated
    #[arg(short, long, value_name = "PATH[:OPTION,...]")]
    volume: Vec<String>,

    /// One more variable of its environment; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<String>,
}

impl Arguments {
    pub fn run(self, bpm: &Bpm) -> Result<u8, Failure> {
        let name = self.which.name()?;
        let volumes = self.volume.iter().map(|text| volume::parse(text));
        let variable = |text: &String| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Error::Variable(text.clone())),
        };
        let options = RunOptions {
            volumes: volumes.collect::<Result<_, _>>().map_err(Error::from)?,
            environment: self.env.iter().map(variable).collect::<Result<_, _>>()?,
        };
        Ok(status(bpm.run(&name, options)?))
    }
}
