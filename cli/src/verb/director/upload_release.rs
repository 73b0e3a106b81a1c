//! `warren upload-release`.
//!
//! Packages that the director has already, by fingerprint, are left out of what is sent.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use warren_director_client::Director;
use warren_director_client::releases::{Remote, UploadOptions};
use warren_release::Compression;
use warren_release::tarball::{Archive, Keep, Limits, Listed, Release, read, write};

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

    /// Under the director's next version
    #[arg(long)]
    rebase: bool,

    /// Its name, to see without fetching it whether it is there
    #[arg(long, value_name = "NAME", requires = "version")]
    name: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION", requires = "name")]
    version: Option<String>,

    /// The stemcell that it is compiled for, OS/VERSION
    #[arg(long, value_name = "STEMCELL")]
    stemcell: Option<String>,

    /// The digest of what is at the URL
    #[arg(long, value_name = "DIGEST", default_value = "")]
    sha1: String,
}

fn opened(path: &Path) -> Result<File, Problem> {
    File::open(path).map_err(|error| {
        Problem::text(error.to_string()).step(format!("Opening file '{}'", path.display()))
    })
}

/// Says that a release is there.
fn exists(session: &mut Session<'_>, name: &str, version: &str) {
    session.console.line(&format!("Release '{name}/{version}' already exists."));
}

/// The release without what the director has.
fn shortened(release: &Release, known: &HashSet<String>, to: File) -> Result<File, Problem> {
    let path = |archive: &Option<Archive>| archive.as_ref().and_then(|one| one.path.clone());
    let mut listed = Listed {
        license: release.license.as_ref().and_then(|license| path(&license.archive)),
        ..Listed::default()
    };
    for job in &release.jobs {
        if let Some(path) = path(&job.archive) {
            listed.jobs.push((job.listed.name.clone(), path));
        }
    }
    for one in &release.packages {
        if let Some(path) = path(&one.archive).filter(|_| !known.contains(&one.listed.fingerprint)) {
            listed.packages.push((one.listed.name.clone(), path));
        }
    }
    for one in &release.compiled_packages {
        if let Some(path) = path(&one.archive).filter(|_| !known.contains(&one.listed.fingerprint)) {
            listed.compiled_packages.push((one.listed.name.clone(), path));
        }
    }
    Ok(write(to, Compression::Gzip, &release.manifest, &listed)?)
}

/// Uploads a tarball, unless the director has what is in it.
pub fn upload_file(
    session: &mut Session<'_>,
    director: &Director,
    path: &str,
    options: UploadOptions,
) -> Result<(), Problem> {
    let path = PathBuf::from(path);
    let kept = tempfile::tempdir()?;
    let reading = |error| Problem::from(error).step(format!("Reading release '{}'", path.display()));
    let release = read(opened(&path)?, Keep::Below(kept.path()), &Limits::default());
    let release = release.map_err(reading)?;
    let manifest = &release.manifest;
    let compiled = manifest.compiled_packages.iter().flatten().next();
    let stemcell = compiled.map(|package| package.stemcell.as_str());
    let is_free = options.fix || options.rebase;
    if !is_free && director.has_release(&manifest.name, &manifest.version, stemcell)? {
        exists(session, &manifest.name, &manifest.version);
        return Ok(());
    }
    let known: HashSet<String> = match options.fix {
        true => HashSet::new(),
        // Not to know is not to leave anything out.
        false => director
            .matching_packages(&manifest.to_yaml(), manifest.is_compiled())
            .unwrap_or_default()
            .into_iter()
            .collect(),
    };
    let mut file = match known.is_empty() {
        true => opened(&path)?,
        false => shortened(&release, &known, tempfile::tempfile()?)?,
    };
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut shown = Shown::new(file, length, session.console.mode());
    let id = director.upload_release(&mut shown, length, options)?;
    session.wait(director, id)?;
    Ok(())
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let options = UploadOptions { rebase: self.rebase, fix: self.fix };
        if let (Some(name), Some(version), false) = (&self.name, &self.version, self.fix)
            && director.has_release(name, version, self.stemcell.as_deref())?
        {
            exists(session, name, version);
            return Ok(0);
        }
        if self.from.starts_with("https://") || self.from.starts_with("http://") {
            let remote = Remote { url: &self.from, sha1: &self.sha1 };
            let id = director.fetch_release(remote, options)?;
            session.wait(&director, id)?;
            return Ok(0);
        }
        let path = self.from.strip_prefix("file://").unwrap_or(&self.from);
        upload_file(session, &director, path, options)?;
        Ok(0)
    }
}
