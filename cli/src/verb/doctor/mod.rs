//! `warren doctor`: check what this host or container can do.

use crate::failure::Failure;
use crate::output::Format;

/// Checks
#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        Ok(0)
    }
}
