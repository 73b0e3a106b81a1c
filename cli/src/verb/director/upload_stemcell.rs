//! `warren upload-stemcell`.

use std::fs::File;
use std::io::Seek;
use std::path::Path;

use warren_director_client::releases::Remote;
use warren_release::stemcell::{Limits, read};

use super::problem::Problem;
use super::progress::Shown;
use super::session::Session;

#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
pub struct Arguments {
    /// A tarball, or its URL
    #[arg(value_name = "FILE|URL")]
    from: String,

    /// Send it even if it is there: what is broken is replaced
    #[arg(long)]
    fix: bool,

    /// Its name, to see without fetching it whether it is there
    #[arg(long, value_name = "NAME", requires = "version")]
    name: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION", requires = "name")]
    version: Option<String>,

    /// The digest of what is at the URL
    #[arg(long, value_name = "DIGEST", default_value = "")]
    sha1: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let is_remote = self.from.starts_with("https://") || self.from.starts_with("http://");
        let path = Path::new(self.from.strip_prefix("file://").unwrap_or(&self.from));
        let opening = |error: std::io::Error| {
            Problem::text(error.to_string()).step(format!("Opening file '{}'", path.display()))
        };
        let named = match (self.name, self.version, is_remote) {
            (Some(name), Some(version), _) => Some((name, version)),
            (.., true) => None,
            (.., false) => {
                let file = File::open(path).map_err(opening)?;
                let found = read(file, std::io::sink(), &Limits::default()).map_err(|error| {
                    Problem::from(error).step(format!("Reading stemcell '{}'", path.display()))
                })?;
                Some((found.manifest.name, found.manifest.version))
            }
        };
        if let (Some((name, version)), false) = (&named, self.fix)
            && !director.needs_stemcell(name, version)?
        {
            session.console.line(&format!("Stemcell '{name}/{version}' already exists."));
            return Ok(0);
        }
        let id = match is_remote {
            true => {
                let remote = Remote { url: &self.from, sha1: &self.sha1 };
                director.fetch_stemcell(remote, self.fix)?
            }
            false => {
                let mut file = File::open(path).map_err(opening)?;
                let length = file.seek(std::io::SeekFrom::End(0))?;
                file.rewind()?;
                let mut shown = Shown::new(file, length, session.console.mode());
                director.upload_stemcell(&mut shown, length, self.fix)?
            }
        };
        session.wait(&director, id)?;
        Ok(0)
    }
}
