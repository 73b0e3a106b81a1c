//! `warren release create`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use warren_release::directory::{Create, Reporter, create, create_from};
use warren_wire_release::{ReleaseManifest, Version};

use super::place::{Place, Work};
use super::tables::Shown;
use crate::failure::Failure;

/// Make a release of a release directory
///
/// Without --version a development release gets the version after the last one (0+dev.1, 0+dev.2,
/// 1+dev.1 after the final 1), and a final one the next number. Archives that were made before are
/// taken again. With MANIFEST, nothing is made but the tarball of a release that was made before.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
#[command(after_help = "Example: warren release create --force --tarball demo.tgz")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Another name than that of config/final.yml
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,

    /// Number the development version by the time: 1+dev.TIMESTAMP
    #[arg(long, conflicts_with_all = ["version", "final"])]
    timestamp_version: bool,

    /// Make it final: put its archives into the blobstore
    #[arg(long)]
    r#final: bool,

    /// Take changes that are not committed
    #[arg(long)]
    force: bool,

    /// Write its tarball here
    #[arg(long, value_name = "FILE")]
    tarball: Option<PathBuf>,

    /// The manifest of a release that was made before, releases/NAME/NAME-VERSION.yml
    #[arg(value_name = "MANIFEST", conflicts_with_all = ["name", "version", "timestamp_version", "final"])]
    manifest: Option<PathBuf>,
}

impl Work for Arguments {
    type Made = Shown;

    fn work(self, tell: Reporter<'_>) -> Result<Shown, Failure> {
        let directory = self.place.directory()?;
        let manifest = match &self.manifest {
            Some(path) => {
                let bytes = std::fs::read(path).map_err(|error| {
                    Failure::text(format!("reading {}: {error}", path.display()))
                })?;
                let manifest = ReleaseManifest::parse(&bytes)?;
                create_from(&directory, &manifest, self.tarball.as_deref(), tell)?;
                manifest
            }
            None => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                let wanted = Create {
                    name: self.name,
                    version: self.version,
                    timestamp: self.timestamp_version.then_some(now.as_secs()),
                    is_final: self.r#final,
                    force: self.force,
                    tarball: self.tarball.clone(),
                };
                create(&directory, &wanted, tell)?.manifest
            }
        };
        Ok(Shown::new(&manifest, self.tarball, Vec::new()))
    }
}
