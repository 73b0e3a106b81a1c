//! `warren inspect-local-release`: the stock tables; `warren release inspect` says more.

use std::fs::File;
use std::path::PathBuf;

use warren_release::tarball::{Keep, Limits, read};
use warren_wire_release::ReleaseManifest;

use super::problem::Problem;
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tarball
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

/// The release, its jobs and its packages.
pub fn tables(manifest: &ReleaseManifest, archive: &str) -> [Listing; 3] {
    let mut facts = Listing::new("", &["Name", "Version", "Commit Hash", "Archive"]);
    facts.is_facts = true;
    facts.rows.push(vec![
        manifest.name.clone(),
        manifest.version.clone(),
        manifest.commit_with_mark(),
        archive.to_owned(),
    ]);
    let row = |name: &str, fingerprint: &str, digest: &str, parts: &[String]| {
        vec![format!("{name}/{fingerprint}"), digest.to_owned(), parts.join("\n")]
    };
    let mut jobs = Listing::new("jobs", &["Job", "Digest", "Packages"]);
    let all = manifest.jobs.iter();
    jobs.rows.extend(all.map(|one| row(&one.name, &one.fingerprint, &one.sha1, &one.packages)));
    let mut packages = Listing::new("packages", &["Package", "Digest", "Dependencies"]);
    let all = manifest.packages.iter();
    packages
        .rows
        .extend(all.map(|one| row(&one.name, &one.fingerprint, &one.sha1, &one.dependencies)));
    let all = manifest.compiled_packages.iter().flatten();
    packages
        .rows
        .extend(all.map(|one| row(&one.name, &one.fingerprint, &one.sha1, &one.dependencies)));
    jobs.rows.sort();
    packages.rows.sort();
    [facts, jobs, packages]
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let shown = self.path.display().to_string();
        let file = File::open(&self.path).map_err(|error| {
            Problem::text(error.to_string()).step(format!("Opening file '{shown}'"))
        })?;
        let release = read(file, Keep::Nothing, &Limits::default())
            .map_err(|error| Problem::from(error).step(format!("Reading release '{shown}'")))?;
        for table in tables(&release.manifest, &shown) {
            session.console.table(&table);
        }
        Ok(0)
    }
}
