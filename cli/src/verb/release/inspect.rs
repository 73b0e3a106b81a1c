//! `warren release inspect`.

use std::fs::File;
use std::path::PathBuf;

use warren_release::tarball::{Keep, Limits, read};

use super::tables::Shown;
use crate::failure::{Failure, exit};
use crate::output::{Format, show};

/// Show what is in a release tarball
///
/// Everything in it is read: digests are compared with the manifest, and each job's spec with the
/// files of the job. Compiled releases and tarballs that lack what a director has already are fine.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release inspect demo.tgz")]
pub struct Arguments {
    /// The tarball
    tarball: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let file = File::open(&self.tarball).map_err(|error| {
            Failure::text(format!("opening {}: {error}", self.tarball.display()))
        })?;
        let release = read(file, Keep::Nothing, &Limits::default())?;
        show(
            &Shown::new(&release.manifest, None, release.absent()),
            format,
        )?;
        Ok(exit::GOOD)
    }
}
