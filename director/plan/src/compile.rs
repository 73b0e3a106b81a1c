//! Which packages have to be compiled, on what, and after which others.
//!
//! A compiled package is good for one package, one stemcell and the versions of all that it was
//! compiled with. Source: reference of the deploy engine, section 13.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use warren_wire_manifest::deployment::{ExportedFrom, InstanceGroup};

use crate::{Compiled, Draft, Error, Input, JobPlan, Package, Release, Stemcell};

/// A package that groups need on a stemcell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Place of the release in the input.
    pub release: usize,
    /// Place of the package in the release.
    pub package: usize,
    /// Place of the stemcell in the input: the first one of its OS and version, see [`first_like`].
    pub stemcell: usize,
    /// Versions of all that it is compiled with.
    pub dependency_key: String,
    /// SHA-1 of that, hex.
    pub dependency_key_sha1: String,
    /// Tasks that come first: what it needs directly.
    pub after: Vec<usize>,
    /// What there is already.
    pub compiled: Option<Compiled>,
}

/// Place of the first stemcell in the input of the OS and version of another: what is compiled on one is
/// good for all of these, and is compiled once however many names a manifest has for them.
#[must_use]
pub fn first_like(input: &Input<'_>, stemcell: usize) -> usize {
    let is_same = |other: &Stemcell| {
        input
            .stemcells
            .get(stemcell)
            .is_some_and(|one| one.os == other.os && one.version == other.version)
    };
    input.stemcells.iter().position(is_same).unwrap_or(stemcell)
}

/// All packages that the groups of a draft need, each once for each OS and version of stemcells, and all
/// that these are compiled with as far as they must be compiled.
///
/// # Errors
/// Codes 60001 (a package without source that was never compiled for this stemcell) and 60000.
pub fn plan(input: &Input<'_>, draft: &Draft) -> Result<Vec<Task>, Error> {
    let mut tasks = Tasks {
        input,
        tasks: Vec::new(),
        known: BTreeMap::new(),
    };
    for group in &draft.groups {
        for (release, package) in group.packages.values() {
            let stemcell = first_like(input, group.stemcell);
            tasks.add(*release, *package, stemcell, &mut Vec::new())?;
        }
    }
    Ok(tasks.tasks)
}

struct Tasks<'a, 'i> {
    input: &'a Input<'i>,
    tasks: Vec<Task>,
    known: BTreeMap<(usize, usize, usize), usize>,
}

impl Tasks<'_, '_> {
    fn add(
        &mut self,
        release: usize,
        package: usize,
        stemcell: usize,
        path: &mut Vec<String>,
    ) -> Result<usize, Error> {
        if let Some(known) = self.known.get(&(release, package, stemcell)) {
            return Ok(*known);
        }
        let owner = &self.input.releases[release];
        let wanted = &owner.packages[package];
        let on = &self.input.stemcells[stemcell];
        if path.contains(&wanted.name) {
            path.push(wanted.name.clone());
            return Err(Error::new(
                60_000,
                format!(
                    "Release '{}' has packages that depend on each other: {}",
                    owner.name,
                    path.join(" -> ")
                ),
            ));
        }
        let key = dependency_key(owner, wanted)?;
        let exported = exported_from(self.input, owner);
        let compiled = find(wanted, on, &key, exported).cloned();
        let mut after = Vec::new();
        if compiled.is_none() {
            if wanted.source.is_none() && !exported.is_empty() {
                let list: Vec<String> = exported
                    .iter()
                    .map(|from| format!("'{}/{}'", from.os, from.version))
                    .collect();
                return Err(Error::new(
                    60_003,
                    format!(
                        "Can't use release '{}/{}'. It references packages without source code and was exported from none of the stemcells of its 'exported_from' ({}):\n - '{}/{}'",
                        owner.name,
                        owner.version,
                        list.join(", "),
                        wanted.name,
                        wanted.version
                    ),
                ));
            }
            if wanted.source.is_none() {
                return Err(Error::new(
                    60_001,
                    format!(
                        "Can't use release '{}/{}'. It references packages without source code and are not compiled against stemcell '{}/{}':\n - '{}/{}'",
                        owner.name, owner.version, on.os, on.version, wanted.name, wanted.version
                    ),
                ));
            }
            path.push(wanted.name.clone());
            for name in &wanted.dependencies {
                let place = place_of(owner, name, wanted)?;
                after.push(self.add(release, place, stemcell, path)?);
            }
            path.pop();
        }
        self.tasks.push(Task {
            release,
            package,
            stemcell,
            dependency_key_sha1: hex(&Sha1::digest(key.as_bytes())),
            dependency_key: key,
            after,
            compiled,
        });
        let place = self.tasks.len() - 1;
        self.known.insert((release, package, stemcell), place);
        Ok(place)
    }
}

fn place_of(release: &Release, name: &str, package: &Package) -> Result<usize, Error> {
    release
        .packages
        .iter()
        .position(|other| other.name == name)
        .ok_or_else(|| {
            Error::new(
                60_000,
                format!(
                    "Package '{}' of release '{}' depends on '{name}', which is not in the release",
                    package.name, release.name
                ),
            )
        })
}

/// Versions of all that a package is compiled with: its direct dependencies by name, each as
/// `["name","version",[its own]]`.
///
/// # Errors
/// Code 60000.
pub fn dependency_key(release: &Release, package: &Package) -> Result<String, Error> {
    let mut left = LONGEST;
    Ok(dependencies(release, package, 0, &mut left)?.to_string())
}

/// More levels of packages than any release has.
const DEEPEST: usize = 200;

/// More entries than the key of any release's package has. A package that is needed by several others
/// is in the key once for each way to it, so that few packages can make a key that no memory holds.
const LONGEST: usize = 100_000;

fn dependencies(
    release: &Release,
    package: &Package,
    depth: usize,
    left: &mut usize,
) -> Result<Value, Error> {
    let refuse = |why: &str| {
        let message = format!(
            "Release '{}' has packages that {why}: '{}' among them",
            release.name, package.name
        );
        Err(Error::new(60_000, message))
    };
    if depth > DEEPEST {
        return refuse("depend on each other");
    }
    let mut names: Vec<&String> = package.dependencies.iter().collect();
    names.sort();
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let Some(rest) = left.checked_sub(1) else {
            return refuse("depend on others in more than 100000 ways");
        };
        *left = rest;
        let other = &release.packages[place_of(release, name, package)?];
        let inner = dependencies(release, other, depth + 1, left)?;
        all.push(json!([other.name, other.version, inner]));
    }
    Ok(Value::Array(all))
}

/// The stemcells whose compiled packages a manifest wants of a release; none for any.
#[must_use]
pub fn exported_from<'i>(input: &Input<'i>, release: &Release) -> &'i [ExportedFrom] {
    let wanted = input.deployment.release(&release.name);
    wanted.map_or(&[], |wanted| &wanted.exported_from)
}

/// Releases that are wanted as they were compiled must have been compiled on the group's stemcell.
pub(crate) fn check_exports(
    input: &Input<'_>,
    group: &InstanceGroup,
    jobs: &[JobPlan],
    stemcell: usize,
) -> Result<(), Error> {
    let on = &input.stemcells[stemcell];
    for job in jobs {
        let release = &input.releases[job.release];
        let exported = exported_from(input, release);
        let fits = exported
            .iter()
            .any(|from| from.os == on.os && from.version == on.version);
        if fits || exported.is_empty() {
            continue;
        }
        let list: Vec<String> = exported
            .iter()
            .map(|from| format!("'{}/{}'", from.os, from.version))
            .collect();
        return Err(Error::new(
            80_015,
            format!(
                "Invalid release detected in instance group '{}' using job '{}': release '{}' must be \
                 exported from stemcell '{}/{}'. Release '{}' is exported from: {}",
                group.name,
                job.name,
                release.name,
                on.os,
                on.version,
                release.name,
                list.join(", ")
            ),
        ));
    }
    Ok(())
}

/// What a package was compiled to that is good for a stemcell. If the manifest names stemcells that its
/// release was exported from, it must have been compiled on one of exactly these. Else: one that has source must have been
/// compiled on exactly this version; one that came compiled may be of the same major version.
#[must_use]
pub fn find<'p>(
    package: &'p Package,
    stemcell: &Stemcell,
    key: &str,
    exported: &[ExportedFrom],
) -> Option<&'p Compiled> {
    if !exported.is_empty() {
        let all = package.compiled.iter().rev();
        let fits = all.filter(|compiled| {
            let is_one =
                |from: &ExportedFrom| from.os == compiled.os && from.version == compiled.version;
            compiled.dependency_key == key && exported.iter().any(is_one)
        });
        let is_own = |compiled: &&Compiled| {
            compiled.os == stemcell.os && compiled.version == stemcell.version
        };
        return fits.max_by_key(is_own);
    }
    let same: Vec<&Compiled> = package
        .compiled
        .iter()
        .filter(|compiled| compiled.os == stemcell.os && compiled.dependency_key == key)
        .collect();
    let exact = same
        .iter()
        .rev()
        .find(|compiled| compiled.version == stemcell.version);
    if let Some(exact) = exact {
        return Some(exact);
    }
    if package.source.is_some() {
        return None;
    }
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let minor = |version: &str| {
        version
            .split('.')
            .nth(1)
            .and_then(|part| part.parse::<u64>().ok())
            .unwrap_or(0)
    };
    same.into_iter()
        .filter(|compiled| major(&compiled.version) == major(&stemcell.version))
        .max_by_key(|compiled| minor(&compiled.version))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
