//! `warren release init` and `reset`.

use std::io::{self, Write};

use serde::Serialize;
use warren_release::directory::{self, reset};

use super::place::Place;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Make a release directory
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release init --dir demo-release --git")]
pub struct Init {
    #[command(flatten)]
    place: Place,

    /// The release's name; that of the directory without '-release' if it is not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Make it a git repository as well
    #[arg(long)]
    git: bool,

    /// A directory to keep what is final in
    #[arg(long, value_name = "DIR")]
    local_blobstore: Option<String>,
}

/// Remove development releases, their archives and local blobs from a release directory
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release reset")]
pub struct Reset {
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Made {
    name: String,
}

impl Report for Made {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "Made the release directory of '{}'", self.name)
    }
}

impl Init {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let wanted = directory::Init {
            name: self.name.as_deref(),
            git: self.git,
            local_blobstore: self.local_blobstore.as_deref(),
        };
        let name = directory::init(&self.place.directory()?, wanted)?;
        show(&Made { name }, format)?;
        Ok(exit::GOOD)
    }
}

#[derive(Serialize)]
struct Removed {
    reset: bool,
}

impl Report for Removed {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "Removed what was made here and is not final")
    }
}

impl Reset {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        reset(&self.place.directory()?)?;
        show(&Removed { reset: true }, format)?;
        Ok(exit::GOOD)
    }
}
