//! `warren release fingerprint`.

use std::io::{self, Write};

use serde::Serialize;
use warren_release::directory::read;

use super::place::Place;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Show the fingerprints that jobs, packages and the licence have now
///
/// Nothing is made or brought: what is in blobs/ counts as it is.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release fingerprint --dir demo-release")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Fingerprints {
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    kind: &'static str,
    name: String,
    fingerprint: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let parts = read(&self.place.directory()?)?
            .into_iter()
            .map(|part| Part {
                kind: part.kind.name(),
                name: part.name,
                fingerprint: part.fingerprint,
            });
        let parts = parts.collect();
        show(&Fingerprints { parts }, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Fingerprints {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Kind", "Name", "Fingerprint"]);
        for part in &self.parts {
            table.row([
                part.kind.to_owned(),
                part.name.clone(),
                part.fingerprint.clone(),
            ]);
        }
        table.write(to)
    }
}
