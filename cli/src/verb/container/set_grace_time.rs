//! `warren container set-grace-time`.

use std::time::Duration;

use serde_json::json;

use super::target::{Garden, failed};
use super::{duration, say};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Have a container destroyed when no client has used it for so long
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container set-grace-time web --grace 1h30m")]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// How long; 0 for never
    #[arg(short, long, value_name = "DURATION", value_parser = duration)]
    grace: Duration,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let set = garden.client.set_grace_time(&self.handle, self.grace);
        set.map_err(failed(format!(
            "set the grace time of container {}",
            self.handle
        )))?;
        say(json!({"grace_time_ns": self.grace.as_nanos()}), "", format)?;
        Ok(exit::GOOD)
    }
}
