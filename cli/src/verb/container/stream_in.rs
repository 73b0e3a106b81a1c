//! `warren container stream-in`.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use serde_json::json;

use super::say;
use super::target::{Garden, failed};
use super::terminal::standard_input;
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Unpack an uncompressed tar archive in a container
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: tar -c site | warren container stream-in web --destination /www")]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// Directory inside, made where missing; a relative one starts from the user's home
    #[arg(short, long, value_name = "PATH")]
    destination: String,

    /// Who unpacks and owns what comes [default: root]
    #[arg(
        short,
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    user: String,

    /// The archive [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let (handle, destination) = (&self.handle, &self.destination);
        let tar: Box<dyn Read> = match &self.file {
            None => Box::new(standard_input()?),
            Some(path) => Box::new(File::open(path).map_err(|error| {
                Failure::text(format!(
                    "cannot open the archive {}: {error}",
                    path.display()
                ))
            })?),
        };
        let sent = garden
            .client
            .stream_in(handle, &self.user, destination, tar);
        sent.map_err(failed(format!(
            "stream into {destination} of container {handle}"
        )))?;
        say(
            json!({"handle": handle, "destination": destination}),
            "",
            format,
        )?;
        Ok(exit::GOOD)
    }
}
