//! `warren container destroy`.

use serde_json::json;

use super::say;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Remove containers with all that runs in them
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container destroy web worker")]
pub(super) struct Arguments {
    /// Which
    #[arg(required = true, value_name = "HANDLE")]
    handles: Vec<String>,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        for handle in &self.handles {
            let step = format!("destroy container {handle}");
            garden.client.destroy(handle).map_err(failed(step))?;
        }
        say(json!({"destroyed": self.handles}), "", format)?;
        Ok(exit::GOOD)
    }
}
