//! `warren export-release`.

use std::path::PathBuf;

use warren_director_client::Director;
use warren_director_client::releases::{Export, Exported};

use super::download::{Wanted, download, has_directory};
use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The release, NAME/VERSION
    #[arg(value_name = "RELEASE")]
    release: String,

    /// The stemcell that it is compiled for, OS/VERSION
    #[arg(value_name = "STEMCELL")]
    stemcell: String,

    /// Where to put it
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    dir: PathBuf,

    /// Only this job and what it needs; may be given more than once
    #[arg(long = "job", value_name = "JOB")]
    jobs: Vec<String>,
}

/// `NAME/VERSION`.
pub fn name_and_version<'a>(text: &'a str, what: &str) -> Result<(&'a str, &'a str), Problem> {
    let parts = text.split_once('/');
    let parts = parts.filter(|(name, version)| !name.is_empty() && !version.is_empty());
    parts.filter(|(_, version)| !version.contains('/')).ok_or_else(|| {
        let first = if what == "stemcell" { "OS" } else { "name" };
        Problem::text(format!("Expected {what} '{text}' to be in format '{first}/version'"))
    })
}

/// Says which of the jobs the release does not have; the director's own text is less clear.
fn check(director: &Director, release: (&str, &str), jobs: &[String]) -> Result<(), Problem> {
    if jobs.is_empty() {
        return Ok(());
    }
    let (name, version) = release;
    let known = director.release(name, version)?.jobs;
    let mut unknown = jobs.iter().filter(|job| !known.iter().any(|one| one.name == **job));
    match unknown.next() {
        Some(job) => {
            let text = format!("Job '{job}' for release '{name}/{version}' doesn't exist");
            Err(Problem::text(text))
        }
        None => Ok(()),
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(mut self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let release = name_and_version(&self.release, "release")?;
        let stemcell = name_and_version(&self.stemcell, "stemcell")?;
        self.jobs.sort();
        self.jobs.dedup();
        has_directory(&self.dir)?;
        let director = session.director()?;
        let deployment = session.deployment()?;
        check(&director, release, &self.jobs)?;
        let id = director.export_release(&Export {
            deployment: &deployment,
            release,
            stemcell,
            jobs: &self.jobs,
        })?;
        session.wait(&director, id)?;
        let exported: Exported = serde_json::from_slice(&director.task_result(id)?)
            .map_err(|error| Problem::from(error).step("Unmarshaling export release result"))?;
        let ((name, version), (os, of_stemcell)) = (release, stemcell);
        let mut parts = self.jobs.clone();
        parts.extend([name, version, os, of_stemcell].map(str::to_owned));
        let wanted = Wanted {
            blob: &exported.blobstore_id,
            digest: Some(&exported.sha1),
            directory: &self.dir,
            name: &parts.join("-"),
        };
        download(session, &director, &wanted)
            .map_err(|problem| problem.step("Downloading exported release"))?;
        Ok(0)
    }
}
