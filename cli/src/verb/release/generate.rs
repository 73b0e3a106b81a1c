//! `warren release generate-job` and `generate-package`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_release::directory::{generate_job, generate_package};

use super::place::Place;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

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

#[derive(Serialize)]
struct Made {
    path: PathBuf,
}

impl Report for Made {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "Made {}", self.path.display())
    }
}

impl Job {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let path = generate_job(&self.place.directory()?, &self.name)?;
        show(&Made { path }, format)?;
        Ok(exit::GOOD)
    }
}

impl Package {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let path = generate_package(&self.place.directory()?, &self.name)?;
        show(&Made { path }, format)?;
        Ok(exit::GOOD)
    }
}
