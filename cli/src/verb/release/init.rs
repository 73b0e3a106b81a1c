//! `warren release init` and `reset`.

use std::io::{self, Write};

use serde::Serialize;
use warren_release::directory::{self, Reporter, reset};

use super::place::{self, Place, Work};
use crate::failure::Failure;
use crate::output::Report;

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

/// What was made.
#[derive(Serialize)]
pub struct Made {
    name: String,
}

impl Report for Made {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "Made the release directory of '{}'", self.name)
    }
}

impl place::Made for Made {}

impl Work for Init {
    type Made = Made;

    fn work(self, _: Reporter<'_>) -> Result<Made, Failure> {
        let wanted = directory::Init {
            name: self.name.as_deref(),
            git: self.git,
            local_blobstore: self.local_blobstore.as_deref(),
        };
        let name = directory::init(&self.place.directory()?, wanted)?;
        Ok(Made { name })
    }
}

/// That it was reset.
#[derive(Serialize)]
pub struct Removed {
    reset: bool,
}

impl Report for Removed {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "Removed what was made here and is not final")
    }
}

impl place::Made for Removed {}

impl Work for Reset {
    type Made = Removed;

    fn work(self, _: Reporter<'_>) -> Result<Removed, Failure> {
        reset(&self.place.directory()?)?;
        Ok(Removed { reset: true })
    }
}
