//! `warren upload-release`: of a tarball, of a release directory's newest release, of a repository.
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
use super::release_directory;
use super::session::Session;

#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
pub struct Arguments {
    /// A tarball, a release directory, a tarball's URL, or git+URL of a repository that is a release
    /// directory; the directory of --dir unless given
    #[arg(value_name = "FILE|DIRECTORY|URL")]
    from: Option<String>,

    /// The release directory, whose newest release is sent if nothing else is named
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    dir: PathBuf,

    /// Send it even if it is there: what is broken is replaced
    #[arg(long)]
    fix: bool,

    /// Under the director's next version
    #[arg(long)]
    rebase: bool,

    /// Its name: to see without fetching it whether it is there, or which of a directory's is meant
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION")]
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
fn exists(session: &mut Session<'_>, name: &str, version: &str, stemcell: Option<&str>) {
    let stemcell = stemcell.map(|stemcell| format!(" for stemcell '{stemcell}'"));
    let stemcell = stemcell.unwrap_or_default();
    session.console.line(&format!("Release '{name}/{version}'{stemcell} already exists."));
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
        exists(session, &manifest.name, &manifest.version, stemcell);
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
    /// Of a release directory.
    fn upload_of(
        &self,
        session: &mut Session<'_>,
        director: &Director,
        directory: &Path,
        options: UploadOptions,
    ) -> Result<(), Problem> {
        let wanted = (self.name.as_deref(), self.version.as_deref());
        let packed = release_directory::packed(session, directory, wanted)?;
        upload_file(session, director, &packed.path().display().to_string(), options)
    }

    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let options = UploadOptions { rebase: self.rebase, fix: self.fix };
        let stemcell = self.stemcell.as_deref();
        if let (Some(name), Some(version), false) = (&self.name, &self.version, self.fix)
            && director.has_release(name, version, stemcell)?
        {
            exists(session, name, version, stemcell);
            return Ok(0);
        }
        let Some(from) = self.from.as_deref() else {
            self.upload_of(session, &director, &self.dir, options)?;
            return Ok(0);
        };
        if let Some(url) = release_directory::repository(from) {
            let cloned = release_directory::cloned(url)?;
            self.upload_of(session, &director, cloned.path(), options)?;
        } else if from.starts_with("https://") || from.starts_with("http://") {
            let remote = Remote { url: from, sha1: &self.sha1 };
            let id = director.fetch_release(remote, options)?;
            session.wait(&director, id)?;
        } else {
            let path = Path::new(from.strip_prefix("file://").unwrap_or(from));
            match path.is_dir() {
                true => self.upload_of(session, &director, path, options)?,
                false => upload_file(session, &director, &path.display().to_string(), options)?,
            }
        }
        Ok(0)
    }
}
