//! `warren rootfs clean`.

use std::io::{self, Write};

use serde::Serialize;
use warren_container_rootfs::image::Damaged;
use warren_container_rootfs::layer::Digest;

use super::arguments::StoreArguments;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Remove the layers that nothing uses
///
/// Layers of root file systems, of pins and of pulls that are under way stay. Waits for nobody. As
/// long as it cannot be told what layers a root file system has, because its file is damaged, none is
/// removed: delete that one first.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs clean")]
pub struct Arguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Keep no longer what was kept under this name by 'pull --pin' or 'preload'
    #[arg(long, value_name = "NAME")]
    unpin: Vec<String>,
}

#[derive(Serialize)]
struct Cleaned {
    removed: Vec<Digest>,
    leased: Vec<Digest>,
    used: usize,
    kept: usize,
    damaged: Vec<Damaged>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let store = self.store.open()?;
        for name in &self.unpin {
            if !store.unpin(name)? {
                let failure = Failure::text(format!("nothing is kept under the name {name:?}"));
                let pins = store.root().join("pins");
                return Err(failure.remedy(format!("the names are those in {}", pins.display())));
            }
        }
        let collected = store.collect()?;
        let cleaned = Cleaned {
            removed: collected.removed,
            leased: collected.leased,
            used: collected.used,
            kept: collected.kept,
            damaged: collected.damaged,
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
        for Damaged { id, why } in &self.damaged {
            writeln!(
                to,
                "{} that may be unused are kept: {id} does not tell which it has, delete it ({why})",
                self.kept
            )?;
        }
        let (removed, used) = (self.removed.len(), self.used);
        let leased = self.leased.len();
        writeln!(
            to,
            "{removed} removed, {used} in use, {leased} about to be used"
        )
    }
}
