//! `warren firewall teardown`.

use std::io::{self, Write};

use serde::Serialize;
use warren_firewall::setup;

use super::with_kernel;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Remove the rules
///
/// Removes the table `inet bosh_agent` with everything in it, jobs' rules included.
///
/// Exit code 0 also if there was none.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren firewall teardown")]
pub struct Arguments {}

#[derive(Serialize)]
struct Removed {
    removed: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let removed = with_kernel("removing the firewall", setup::teardown)?;
        show(&Removed { removed }, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Removed {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let text = if self.removed {
            "Removed table inet bosh_agent"
        } else {
            "No firewall here"
        };
        writeln!(to, "{text}")
    }
}
