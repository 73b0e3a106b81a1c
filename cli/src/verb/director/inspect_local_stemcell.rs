//! `warren inspect-local-stemcell`: the stock table; `warren stemcell inspect` says more.

use std::fs::File;
use std::path::PathBuf;

use warren_release::stemcell::{Limits, read};
use warren_wire_release::StemcellManifest;

use super::problem::Problem;
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tarball
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

/// What is shown.
pub fn table(manifest: &StemcellManifest) -> Listing {
    let columns = ["Name", "OS", "Version", "Infrastructure", "Hypervisor"];
    let mut table = Listing::new("stemcell-metadata", &columns);
    let property = |key: &str, otherwise: &str| {
        manifest.cloud_property(key).unwrap_or(otherwise).to_owned()
    };
    table.rows.push(vec![
        manifest.name.clone(),
        manifest.operating_system().to_owned(),
        manifest.version.clone(),
        property("infrastructure", "unknown"),
        property("hypervisor", "-"),
    ]);
    table
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let shown = self.path.display().to_string();
        let file = File::open(&self.path).map_err(|error| {
            Problem::text(error.to_string()).step(format!("Opening file '{shown}'"))
        })?;
        let stemcell = read(file, std::io::sink(), &Limits::default())
            .map_err(|error| Problem::from(error).step(format!("Reading stemcell '{shown}'")))?;
        session.console.table(&table(&stemcell.manifest));
        Ok(0)
    }
}
