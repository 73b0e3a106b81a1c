//! `warren stemcell repack`.

use std::fs::File;
use std::path::PathBuf;

use warren_release::Sums;
use warren_release::stemcell::{Limits, Repack, repack};

use super::inspect::Shown;
use super::output::Output;
use super::steps::step;
use crate::failure::{Failure, exit};
use crate::output::{Format, show};

/// Write a stemcell again with another name or other properties
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
#[command(after_help = "Example: warren stemcell repack --version 1.2 stemcell.tgz repacked.tgz")]
pub struct Arguments {
    /// Its name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// A map in YAML, to go over the cloud properties it has
    #[arg(long, value_name = "YAML")]
    cloud_properties: Option<String>,

    /// A format instead of those it has; may be given more than once
    #[arg(long, value_name = "FORMAT")]
    format: Vec<String>,

    /// Leave the image out
    #[arg(long)]
    empty_image: bool,

    /// The stemcell
    stemcell: PathBuf,

    /// Where the new one goes
    result: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let file = File::open(&self.stemcell).map_err(|error| {
            Failure::text(format!("opening {}: {error}", self.stemcell.display()))
        })?;
        let changes = Repack {
            name: self.name,
            version: self.version,
            formats: self.format,
            cloud_properties: self.cloud_properties,
            empties_image: self.empty_image,
        };
        let output = Output::new(&self.result)?;
        let (manifest, _) = step("Repacking", || {
            Ok(repack(file, &changes, &Limits::default(), output.file())?)
        })?;
        output.put()?;
        let sums = Sums::of_file(&self.result)?;
        let mut shown = Shown::new(&manifest, None);
        shown.archive = Some(self.result);
        shown.digest = Some(sums.sha256());
        show(&shown, format)?;
        Ok(exit::GOOD)
    }
}
