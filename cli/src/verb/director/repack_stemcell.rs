//! `warren repack-stemcell`, the stock name of `warren stemcell repack`.

use std::fs::File;
use std::path::{Path, PathBuf};

use warren_release::stemcell::{Limits, Repack, repack};

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
pub struct Arguments {
    /// The stemcell
    #[arg(value_name = "STEMCELL")]
    stemcell: PathBuf,

    /// Where the new one goes
    #[arg(value_name = "RESULT")]
    result: PathBuf,

    /// Another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Another version
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// A map in YAML, to go over the cloud properties it has
    #[arg(long, value_name = "YAML")]
    cloud_properties: Option<String>,

    /// A format instead of those it has; may be given more than once
    #[arg(long, value_name = "FORMAT")]
    format: Vec<String>,

    /// Leave the image out
    #[arg(long)]
    empty_image: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _: &mut Session<'_>) -> Result<u8, Problem> {
        let of = |step: &str, path: &Path| format!("{step} '{}'", path.display());
        let file = File::open(&self.stemcell).map_err(|error| {
            Problem::text(error.to_string()).step(of("Opening file", &self.stemcell))
        })?;
        let changes = Repack {
            name: self.name,
            version: self.version,
            formats: self.format,
            cloud_properties: self.cloud_properties,
            empties_image: self.empty_image,
        };
        let making = |error: std::io::Error| {
            Problem::text(error.to_string()).step(of("Making file", &self.result))
        };
        let parent = self.result.parent().filter(|parent| *parent != Path::new(""));
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let mut builder = tempfile::Builder::new();
        let result = builder.prefix(".new-").permissions(permissions);
        let result = result.tempfile_in(parent.unwrap_or(Path::new("."))).map_err(making)?;
        repack(file, &changes, &Limits::default(), result.as_file())
            .map_err(|error| Problem::from(error).step(of("Repacking stemcell", &self.stemcell)))?;
        result.persist(&self.result).map_err(|error| making(error.error))?;
        Ok(0)
    }
}
