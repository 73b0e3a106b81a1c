//! `warren release generate-job` and `generate-package`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_release::directory::{Reporter, generate_job, generate_package};

use super::place::{self, Place, Work};
use crate::failure::Failure;
use crate::output::Report;

/// Make a job with nothing in it
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release generate-job web")]
pub struct Job {
    #[command(flatten)]
    place: Place,

    /// Its name
    name: String,
}

/// Make a package with nothing in it
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release generate-package ruby")]
pub struct Package {
    #[command(flatten)]
    place: Place,

    /// Its name
    name: String,
}

/// Where it is.
#[derive(Serialize)]
pub struct Made {
    path: PathBuf,
}

impl Report for Made {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "Made {}", self.path.display())
    }
}

impl place::Made for Made {}

impl Work for Job {
    type Made = Made;

    fn work(self, _: Reporter<'_>) -> Result<Made, Failure> {
        let path = generate_job(&self.place.directory()?, &self.name)?;
        Ok(Made { path })
    }
}

impl Work for Package {
    type Made = Made;

    fn work(self, _: Reporter<'_>) -> Result<Made, Failure> {
        let path = generate_package(&self.place.directory()?, &self.name)?;
        Ok(Made { path })
    }
}
