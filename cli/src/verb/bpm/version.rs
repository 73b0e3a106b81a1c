//! `warren bpm version`.

use crate::failure::{Failure, exit};
use crate::output::Format;

/// Tell the version
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm version")]
pub(super) struct Arguments {}

impl Arguments {
    pub fn run(&self, format: Format) -> Result<u8, Failure> {
        let version = env!("CARGO_PKG_VERSION");
        match format {
            Format::Human => println!("{version}"),
            Format::Json => println!("{}", serde_json::json!({ "version": version })),
        }
        Ok(exit::GOOD)
    }
}
