//! `warren container stream-out`.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::target::{Garden, failed};
use super::terminal::standard_output;
use crate::failure::{Failure, exit};

/// Write a path of a container as tar archive to standard output
///
/// Names begin with the path's last component; with a slash at its end, with './'.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren container stream-out web --source /var/log/ | tar -x -C logs"
)]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// Path inside; a relative one starts from the user's home
    #[arg(short, long, value_name = "PATH")]
    source: String,

    /// Who reads [default: root]
    #[arg(
        short,
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    user: String,

    /// Where to [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self, garden: &Garden) -> Result<u8, Failure> {
        let step = format!("stream {} out of container {}", self.source, self.handle);
        let tar = garden
            .client
            .stream_out(&self.handle, &self.user, &self.source);
        let mut tar = tar.map_err(failed(&step))?;
        let mut to: Box<dyn Write> = match &self.file {
            None => Box::new(standard_output()?),
            Some(path) => Box::new(File::create(path).map_err(|error| {
                Failure::text(format!("cannot create {}: {error}", path.display()))
            })?),
        };
        let copied = io::copy(&mut tar, &mut to);
        copied.map_err(|error| Failure::text(format!("cannot {step}: {error}")))?;
        Ok(exit::GOOD)
    }
}
