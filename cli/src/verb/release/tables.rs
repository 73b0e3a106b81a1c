//! A release as tables, as the bosh CLI shows it.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_wire_release::ReleaseManifest;

use super::place::Made;
use crate::output::{Listing, Report, Table};

/// A release that was made or looked at.
#[derive(Serialize)]
pub struct Shown {
    name: String,
    version: String,
    commit_hash: String,
    uncommitted_changes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<PathBuf>,
    jobs: Vec<Part>,
    packages: Vec<Part>,
    compiled_packages: Vec<Part>,
    /// Listed but not in the tarball.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    absent: Vec<String>,
    #[serde(skip)]
    commit: String,
}

#[derive(Serialize)]
struct Part {
    name: String,
    fingerprint: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stemcell: Option<String>,
    packages: Vec<String>,
}

impl Shown {
    /// What a manifest says.
    pub fn new(manifest: &ReleaseManifest, archive: Option<PathBuf>, absent: Vec<String>) -> Self {
        let jobs = manifest.jobs.iter().map(|one| Part {
            name: one.name.clone(),
            fingerprint: one.fingerprint.clone(),
            digest: one.sha1.clone(),
            stemcell: None,
            packages: one.packages.clone(),
        });
        let packages = manifest.packages.iter().map(|one| Part {
            name: one.name.clone(),
            fingerprint: one.fingerprint.clone(),
            digest: one.sha1.clone(),
            stemcell: None,
            packages: one.dependencies.clone(),
        });
        let compiled = manifest.compiled_packages.iter().flatten();
        let compiled = compiled.map(|one| Part {
            name: one.name.clone(),
            fingerprint: one.fingerprint.clone(),
            digest: one.sha1.clone(),
            stemcell: Some(one.stemcell.clone()),
            packages: one.dependencies.clone(),
        });
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            commit_hash: manifest.commit_hash.clone(),
            uncommitted_changes: manifest.uncommitted_changes,
            archive,
            jobs: jobs.collect(),
            packages: packages.collect(),
            compiled_packages: compiled.collect(),
            absent,
            commit: manifest.commit_with_mark(),
        }
    }
}

impl Made for Shown {
    fn tables(&self) -> Vec<Listing> {
        let mut facts = Listing::new("", &["Name", "Version", "Commit Hash"]);
        facts.is_facts = true;
        let mut row = vec![self.name.clone(), self.version.clone(), self.commit.clone()];
        if let Some(archive) = &self.archive {
            facts.header.push("Archive");
            row.push(archive.display().to_string());
        }
        facts.rows.push(row);
        let row = |part: &Part| vec![slug(part), part.digest.clone(), part.packages.join("\n")];
        let mut jobs = Listing::new("jobs", &["Job", "Digest", "Packages"]);
        jobs.rows = sorted(&self.jobs).into_iter().map(row).collect();
        let mut packages = Listing::new("packages", &["Package", "Digest", "Dependencies"]);
        let all = sorted(&self.packages)
            .into_iter()
            .chain(sorted(&self.compiled_packages));
        packages.rows = all.map(row).collect();
        vec![facts, jobs, packages]
    }
}

impl Report for Shown {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut facts = Table::facts();
        facts.row(["Name".to_owned(), self.name.clone()]);
        facts.row(["Version".to_owned(), self.version.clone()]);
        facts.row(["Commit Hash".to_owned(), self.commit.clone()]);
        if let Some(archive) = &self.archive {
            facts.row(["Archive".to_owned(), archive.display().to_string()]);
        }
        writeln!(to)?;
        facts.write(to)?;
        parts(to, ["Job", "Digest", "Packages"], "jobs", &self.jobs)?;
        if self.compiled_packages.is_empty() {
            parts(
                to,
                ["Package", "Digest", "Dependencies"],
                "packages",
                &self.packages,
            )?;
        } else {
            compiled(to, &self.compiled_packages)?;
        }
        if !self.absent.is_empty() {
            writeln!(to, "\nNot in the tarball: {}", self.absent.join(", "))?;
        }
        Ok(())
    }
}

fn parts(to: &mut dyn Write, titles: [&str; 3], what: &str, all: &[Part]) -> io::Result<()> {
    let mut table = Table::new(&titles);
    for part in sorted(all) {
        table.row([slug(part), part.digest.clone(), part.packages.join("\n")]);
    }
    writeln!(to)?;
    table.write(to)?;
    writeln!(to, "\n{} {what}", all.len())
}

fn compiled(to: &mut dyn Write, all: &[Part]) -> io::Result<()> {
    let mut table = Table::new(&["Package", "Digest", "Stemcell", "Dependencies"]);
    for part in sorted(all) {
        let stemcell = part.stemcell.clone().unwrap_or_default();
        table.row([
            slug(part),
            part.digest.clone(),
            stemcell,
            part.packages.join("\n"),
        ]);
    }
    writeln!(to)?;
    table.write(to)?;
    writeln!(to, "\n{} packages", all.len())
}

fn slug(part: &Part) -> String {
    format!("{}/{}", part.name, part.fingerprint)
}

fn sorted(all: &[Part]) -> Vec<&Part> {
    let mut sorted: Vec<&Part> = all.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted
}
