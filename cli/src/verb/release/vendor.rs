//! `warren release vendor-package`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_release::directory::{Directory, Reporter, vendor_package};

use super::place::{Made, Place, Work};
use crate::failure::Failure;
use crate::output::Report;

/// Take a package of another release, with all it is compiled with
///
/// Its archives go into this release's blobstore, and a spec.lock stands for its sources.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release vendor-package ruby-3.3 ../ruby-release")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Put this and a dash before the names
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,

    /// The package
    package: String,

    /// The other release directory
    source: PathBuf,
}

/// Which were taken.
#[derive(Serialize)]
pub struct Taken {
    packages: Vec<String>,
}

impl Report for Taken {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        for package in &self.packages {
            writeln!(to, "Added package '{package}'")?;
        }
        Ok(())
    }
}

impl Made for Taken {}

impl Work for Arguments {
    type Made = Taken;

    fn work(self, tell: Reporter<'_>) -> Result<Taken, Failure> {
        let here = self.place.directory()?;
        let there = Directory::new(&self.source, here.cache());
        let prefix = self.prefix.as_deref();
        let packages = vendor_package(&there, &here, &self.package, prefix, tell)?;
        Ok(Taken { packages })
    }
}
