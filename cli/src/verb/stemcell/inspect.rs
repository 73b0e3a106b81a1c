//! `warren stemcell inspect`.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_release::stemcell::{Limits, read};
use warren_wire_release::StemcellManifest;

use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Show what a stemcell is
///
/// Its image is read and compared with its digest.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren stemcell inspect stemcell.tgz")]
pub struct Arguments {
    /// The tarball
    tarball: PathBuf,
}

/// A stemcell as it is shown.
#[derive(Serialize)]
pub struct Shown {
    name: String,
    operating_system: String,
    version: String,
    infrastructure: String,
    hypervisor: String,
    api_version: Option<u64>,
    stemcell_formats: Vec<String>,
    sha1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_bytes: Option<u64>,
    /// The tarball that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<PathBuf>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What to know about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Shown {
    /// What a manifest says.
    pub fn new(manifest: &StemcellManifest, image_bytes: Option<u64>) -> Self {
        let property = |key: &str| manifest.cloud_property(key).map(str::to_owned);
        Self {
            name: manifest.name.clone(),
            operating_system: manifest.operating_system().to_owned(),
            version: manifest.version.clone(),
            infrastructure: property("infrastructure").unwrap_or_else(|| "unknown".to_owned()),
            hypervisor: property("hypervisor").unwrap_or_default(),
            api_version: manifest.api_version,
            stemcell_formats: manifest.stemcell_formats.clone(),
            sha1: manifest.sha1.clone(),
            image_reference: property("image_reference"),
            image_bytes,
            archive: None,
            digest: None,
            notes: Vec::new(),
        }
    }
}

impl Report for Shown {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let titles = ["Name", "OS", "Version", "Infrastructure", "Hypervisor"];
        let mut table = Table::new(&titles);
        table.row([
            self.name.clone(),
            self.operating_system.clone(),
            self.version.clone(),
            self.infrastructure.clone(),
            self.hypervisor.clone(),
        ]);
        table.write(to)?;
        let mut facts = Table::facts();
        let mut fact = |name: &str, value: String| facts.row([name.to_owned(), value]);
        fact("Formats", self.stemcell_formats.join("\n"));
        fact("Image Digest", self.sha1.clone());
        if let Some(bytes) = self.image_bytes {
            fact("Image Bytes", bytes.to_string());
        }
        if let Some(reference) = &self.image_reference {
            fact("Image Reference", reference.clone());
        }
        if let Some(archive) = &self.archive {
            fact("Archive", archive.display().to_string());
        }
        if let Some(digest) = &self.digest {
            fact("Archive Digest", digest.clone());
        }
        writeln!(to)?;
        facts.write(to)?;
        for note in &self.notes {
            writeln!(to, "Note: {note}")?;
        }
        Ok(())
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let file = File::open(&self.tarball).map_err(|error| {
            Failure::text(format!("opening {}: {error}", self.tarball.display()))
        })?;
        let stemcell = read(file, io::sink(), &Limits::default())?;
        show(
            &Shown::new(&stemcell.manifest, Some(stemcell.image.bytes())),
            format,
        )?;
        Ok(exit::GOOD)
    }
}
