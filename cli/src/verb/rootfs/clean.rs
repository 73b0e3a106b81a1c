//! `warren rootfs clean`.

use std::io::{self, Write};

use serde::Serialize;
use warren_container_rootfs::layer::Digest;

use super::arguments::StoreArguments;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Remove the layers that nothing uses
///
/// Layers of root file systems, of pins and of pulls that are under way stay. Waits for nobody.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs clean")]
pub struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Serialize)]
struct Cleaned {
    removed: Vec<Digest>,
    leased: Vec<Digest>,
    used: usize,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let collected = self.store.open()?.collect()?;
        let cleaned = Cleaned {
            removed: collected.removed,
            leased: collected.leased,
            used: collected.used,
        };
        show(&cleaned, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Cleaned {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        for layer in &self.removed {
            writeln!(to, "Removed {layer}")?;
        }
        let (removed, used) = (self.removed.len(), self.used);
        let leased = self.leased.len();
        writeln!(
            to,
            "{removed} removed, {used} in use, {leased} about to be used"
        )
    }
}
