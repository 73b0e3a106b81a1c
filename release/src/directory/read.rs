//! All of a release directory: its parts with their fingerprints.

use std::path::PathBuf;

use warren_wire_release::directory::Config;

use super::fingerprint::fingerprint;
use super::member::{Member, directories};
use super::{Directory, Error, Kind, job, license, package};

/// A part of a release: a job, a package or the licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: Kind,
    /// Its name; `license` for the licence.
    pub name: String,
    /// What its archive is known by.
    pub fingerprint: String,
    /// Packages that a job needs, or a package is compiled with.
    pub packages: Vec<String>,
    /// What its archive is made of; `None` if it must be there already.
    pub(super) source: Option<Source>,
}

/// What an archive is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub members: Vec<Member>,
    pub pre_packaging: Option<PathBuf>,
    pub is_compressed: bool,
}

/// Reads a release directory: its jobs, its packages, then its licence if it has one; each kind
/// sorted by name.
///
/// # Errors
/// [`Error`].
pub fn read(directory: &Directory) -> Result<Vec<Part>, Error> {
    let config = directory.config()?;
    let mut parts = Vec::new();
    let jobs = directory.root().join("jobs");
    for name in directories(&jobs)? {
        let (spec, members) = job::read(&jobs.join(&name), &name)?;
        parts.push(part(
            Kind::Job,
            name,
            spec.packages,
            members,
            None,
            &config,
            false,
        )?);
    }
    for name in directories(&directory.root().join("packages"))? {
        parts.push(match package::read(directory.root(), &name)? {
            package::Source::Lock(lock) => Part {
                kind: Kind::Package,
                name,
                fingerprint: lock.fingerprint,
                packages: lock.dependencies,
                source: None,
            },
            package::Source::Files {
                spec,
                members,
                pre_packaging,
            } => {
                let plain = spec.no_compression;
                let needs = spec.dependencies;
                part(
                    Kind::Package,
                    name,
                    needs,
                    members,
                    pre_packaging,
                    &config,
                    plain,
                )?
            }
        });
    }
    let members = license::read(directory.root())?;
    if !members.is_empty() {
        let name = "license".to_owned();
        parts.push(part(
            Kind::License,
            name,
            Vec::new(),
            members,
            None,
            &config,
            false,
        )?);
    }
    Ok(parts)
}

fn part(
    kind: Kind,
    name: String,
    packages: Vec<String>,
    members: Vec<Member>,
    pre_packaging: Option<PathBuf>,
    config: &Config,
    is_plain: bool,
) -> Result<Part, Error> {
    // What a job needs is in its spec, which is one of its files.
    let extra: &[String] = match kind {
        Kind::Package => &packages,
        Kind::Job | Kind::License => &[],
    };
    Ok(Part {
        kind,
        name,
        fingerprint: fingerprint(&members, extra)?,
        source: Some(Source {
            members,
            pre_packaging,
            is_compressed: !is_plain && !config.no_compression,
        }),
        packages,
    })
}
