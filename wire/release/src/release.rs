//! `release.MF`: what a release consists of.
//!
//! Written as the command line writes it; read as the director does: what is absent is empty. The
//! key `compiled_packages` makes it a compiled release.

use std::collections::HashSet;

use serde::Deserialize;

use crate::yaml::{self, YamlError, line, list, or_default};
use crate::{InvalidName, InvalidVersion, Version, check_name};

/// A job of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobRef {
    /// Its name.
    pub name: String,
    /// The same as the fingerprint.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Of its files.
    #[serde(default, deserialize_with = "or_default")]
    pub fingerprint: String,
    /// Digest of its archive, see [`MultiDigest`](crate::MultiDigest).
    #[serde(default, deserialize_with = "or_default")]
    pub sha1: String,
    /// Names of the packages it needs.
    #[serde(default, deserialize_with = "or_default")]
    pub packages: Vec<String>,
}

/// A package of a release, as source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PackageRef {
    /// Its name.
    pub name: String,
    /// The same as the fingerprint.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Of its files.
    #[serde(default, deserialize_with = "or_default")]
    pub fingerprint: String,
    /// Digest of its archive.
    #[serde(default, deserialize_with = "or_default")]
    pub sha1: String,
    /// Names of the packages it is compiled with.
    #[serde(default, deserialize_with = "or_default")]
    pub dependencies: Vec<String>,
}

/// A package of a release, compiled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CompiledPackageRef {
    /// Its name.
    pub name: String,
    /// The same as the fingerprint.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Of its source.
    #[serde(default, deserialize_with = "or_default")]
    pub fingerprint: String,
    /// Digest of its archive.
    #[serde(default, deserialize_with = "or_default")]
    pub sha1: String,
    /// What it was compiled on: `OS/VERSION`.
    #[serde(default, deserialize_with = "or_default")]
    pub stemcell: String,
    /// Names of the packages it was compiled with.
    #[serde(default, deserialize_with = "or_default")]
    pub dependencies: Vec<String>,
}

/// The licence of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LicenseRef {
    /// The same as the fingerprint.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Of its files.
    #[serde(default, deserialize_with = "or_default")]
    pub fingerprint: String,
    /// Digest of its archive.
    #[serde(default, deserialize_with = "or_default")]
    pub sha1: String,
}

/// What a release consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ReleaseManifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Of the sources: short, or `empty` or `non-git`.
    #[serde(default, deserialize_with = "or_default")]
    pub commit_hash: String,
    /// Whether the sources had changes that were not committed.
    #[serde(default, deserialize_with = "or_default")]
    pub uncommitted_changes: bool,
    /// Its jobs.
    #[serde(default, deserialize_with = "or_default")]
    pub jobs: Vec<JobRef>,
    /// Its packages as source.
    #[serde(default, deserialize_with = "or_default")]
    pub packages: Vec<PackageRef>,
    /// Its packages compiled; there at all in a compiled release.
    #[serde(default)]
    pub compiled_packages: Option<Vec<CompiledPackageRef>>,
    /// Its licence.
    #[serde(default)]
    pub license: Option<LicenseRef>,
}

/// A release's manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRelease {
    /// Not such a document.
    #[error("cannot read the release's manifest")]
    Yaml(#[from] YamlError),
    /// A name that is none.
    #[error("the release's manifest has a bad name")]
    Name(#[from] InvalidName),
    /// A version that is none.
    #[error("the release's manifest has a bad version")]
    Version(#[from] InvalidVersion),
    /// Two of one name.
    #[error("the release's manifest has two {what} {name:?}")]
    Twice {
        /// Jobs, packages or compiled packages.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something depends on a package that is not there.
    #[error("{what} {name:?} needs the package {package:?}, which the release does not have")]
    Missing {
        /// Job or package.
        what: &'static str,
        /// Its name.
        name: String,
        /// What it needs.
        package: String,
    },
}

impl ReleaseManifest {
    /// Reads a manifest and checks that names are names, no two the same, and that every package
    /// that something needs is there.
    ///
    /// # Errors
    /// [`InvalidRelease`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidRelease> {
        let manifest: Self = yaml::read(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether it has the key that makes it a compiled release.
    pub fn is_compiled(&self) -> bool {
        self.compiled_packages.is_some()
    }

    /// `COMMIT`, with a `+` if there were uncommitted changes.
    pub fn commit_with_mark(&self) -> String {
        let mark = if self.uncommitted_changes { "+" } else { "" };
        format!("{}{mark}", self.commit_hash)
    }

    /// Checks what [`parse`](Self::parse) does.
    ///
    /// # Errors
    /// [`InvalidRelease`].
    pub fn check(&self) -> Result<(), InvalidRelease> {
        check_name("release", &self.name)?;
        check_name("version", &self.version)?;
        self.version.parse::<Version>()?;
        unique("job", "jobs", self.jobs.iter().map(|job| &job.name))?;
        let sources = self.packages.iter();
        unique("package", "packages", sources.clone().map(|one| &one.name))?;
        let compiled = || self.compiled_packages.iter().flatten();
        let what = ("compiled package", "compiled packages");
        unique(what.0, what.1, compiled().map(|one| &one.name))?;
        let all: HashSet<&str> = sources
            .clone()
            .map(|one| one.name.as_str())
            .chain(compiled().map(|one| one.name.as_str()))
            .collect();
        let needs = (self
            .jobs
            .iter()
            .map(|job| ("job", &job.name, &job.packages)))
        .chain(sources.map(|one| ("package", &one.name, &one.dependencies)))
        .chain(compiled().map(|one| ("package", &one.name, &one.dependencies)));
        for (what, name, packages) in needs {
            if let Some(package) = packages.iter().find(|one| !all.contains(one.as_str())) {
                return Err(InvalidRelease::Missing {
                    what,
                    name: name.clone(),
                    package: package.chars().take(100).collect(),
                });
            }
        }
        Ok(())
    }

    /// The document.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        line(&mut out, "", "name", &self.name);
        line(&mut out, "", "version", &self.version);
        line(&mut out, "", "commit_hash", &self.commit_hash);
        out.push_str(&format!(
            "uncommitted_changes: {}\n",
            self.uncommitted_changes
        ));
        if !self.jobs.is_empty() {
            out.push_str("jobs:\n");
        }
        for job in &self.jobs {
            entry(
                &mut out,
                (&job.name, &job.version, &job.fingerprint, &job.sha1),
            );
            list(&mut out, "  ", "packages", &job.packages);
        }
        if !self.packages.is_empty() {
            out.push_str("packages:\n");
        }
        for one in &self.packages {
            entry(
                &mut out,
                (&one.name, &one.version, &one.fingerprint, &one.sha1),
            );
            list(&mut out, "  ", "dependencies", &one.dependencies);
        }
        if let Some(compiled) = &self.compiled_packages {
            let is_empty = compiled.is_empty();
            out.push_str(if is_empty {
                "compiled_packages: []\n"
            } else {
                "compiled_packages:\n"
            });
            for one in compiled {
                entry(
                    &mut out,
                    (&one.name, &one.version, &one.fingerprint, &one.sha1),
                );
                line(&mut out, "  ", "stemcell", &one.stemcell);
                list(&mut out, "  ", "dependencies", &one.dependencies);
            }
        }
        if let Some(license) = &self.license {
            out.push_str("license:\n");
            line(&mut out, "  ", "version", &license.version);
            line(&mut out, "  ", "fingerprint", &license.fingerprint);
            line(&mut out, "  ", "sha1", &license.sha1);
        }
        out
    }
}

fn entry(out: &mut String, (name, version, fingerprint, sha1): (&str, &str, &str, &str)) {
    line(out, "- ", "name", name);
    line(out, "  ", "version", version);
    line(out, "  ", "fingerprint", fingerprint);
    line(out, "  ", "sha1", sha1);
}

fn unique<'a>(
    what: &'static str,
    plural: &'static str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), InvalidRelease> {
    let mut seen = HashSet::new();
    for name in names {
        check_name(what, name)?;
        if !seen.insert(name) {
            return Err(InvalidRelease::Twice {
                what: plural,
                name: name.clone(),
            });
        }
    }
    Ok(())
}
