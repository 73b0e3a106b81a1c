//! `warren container stop`.

use serde_json::json;

use super::say;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// End all processes of a container but its first one
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container stop web")]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// Kill at once; else they have 10 s to end after SIGTERM
    #[arg(long)]
    kill: bool,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let stopped = garden.client.stop(&self.handle, self.kill);
        stopped.map_err(failed(format!("stop container {}", self.handle)))?;
        say(json!({"stopped": self.handle}), "", format)?;
        Ok(exit::GOOD)
    }
}
