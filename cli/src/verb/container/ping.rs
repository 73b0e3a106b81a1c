//! `warren container ping`.

use serde_json::json;

use super::say;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Ask whether the server is well
///
/// Exit code 0: it is.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container ping --target 10.244.0.2:7777")]
pub(super) struct Arguments {}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let target = garden.client.target().to_string();
        let step = format!("ping {target}");
        garden.client.ping().map_err(failed(step))?;
        say(json!({"target": target, "well": true}), "", format)?;
        Ok(exit::GOOD)
    }
}
