//! `warren release finalize`, `sha1ify` and `sha2ify`.

use std::fs::File;
use std::path::{Path, PathBuf};

use warren_release::directory::{Finalize, Reporter, finalize_release};
use warren_release::tarball::redigest;
use warren_wire_release::{Algorithm, Version};

use super::place::{Place, Work};
use super::tables::Shown;
use crate::failure::Failure;

/// Make a final release of the tarball of a development release
///
/// Its archives go into the blobstore and the final indexes of the release directory, unless they are
/// there, and the release gets the next number.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
#[command(after_help = "Example: warren release finalize demo.tgz")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Another name than the tarball's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,

    /// Though the release directory has changes that are not committed
    #[arg(long)]
    force: bool,

    /// The tarball
    tarball: PathBuf,
}

/// Write a release tarball again with SHA-1 digests
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release sha1ify demo.tgz demo-sha1.tgz")]
pub struct Sha1 {
    /// The tarball
    source: PathBuf,

    /// Where to write
    destination: PathBuf,
}

/// Write a release tarball again with SHA-256 digests
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release sha2ify demo.tgz demo-sha2.tgz")]
pub struct Sha2 {
    /// The tarball
    source: PathBuf,

    /// Where to write
    destination: PathBuf,
}

impl Work for Arguments {
    type Made = Shown;

    fn work(self, tell: Reporter<'_>) -> Result<Shown, Failure> {
        let wanted = Finalize {
            tarball: self.tarball,
            name: self.name,
            version: self.version,
            force: self.force,
        };
        let made = finalize_release(&self.place.directory()?, &wanted, tell)?;
        Ok(Shown::new(&made.manifest, None, Vec::new()))
    }
}

impl Work for Sha1 {
    type Made = Shown;

    fn work(self, _: Reporter<'_>) -> Result<Shown, Failure> {
        again(&self.source, &self.destination, Algorithm::Sha1)
    }
}

impl Work for Sha2 {
    type Made = Shown;

    fn work(self, _: Reporter<'_>) -> Result<Shown, Failure> {
        again(&self.source, &self.destination, Algorithm::Sha256)
    }
}

fn again(from: &Path, to: &Path, algorithm: Algorithm) -> Result<Shown, Failure> {
    let failed = |step: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::text(format!("{step} {path}: {error}"))
    };
    let source = File::open(from).map_err(failed("opening", from))?;
    // A new file in its place when it is whole.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let new = new.map_err(failed("making a file beside", to))?;
    let manifest = redigest(source, &new, algorithm)?;
    new.persist(to)
        .map_err(|error| failed("writing", to)(error.error))?;
    Ok(Shown::new(&manifest, Some(to.to_owned()), Vec::new()))
}
