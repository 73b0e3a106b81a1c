//! `create release`: the packages and jobs of a tarball become blobs and rows.
//!
//! ```text
//! (download) ── (verify) ── extract ── check ── lock ── packages ── compiled ── jobs ── complete
//! ```
//!
//! What the release, or another one, has under the same fingerprint is not stored again. A version
//! whose upload did not come to its end is uploaded as if it were to be fixed. Source: reference of
//! CPIs, stemcells and releases, sections 4.7 and 4.8.

mod compiled;
mod packages;
mod templates;

use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warren_director_plan::compile::dependency_key;
use warren_director_plan::{Package, Release as Planned};
use warren_director_store::releases;
use warren_director_store::work::{Source, Upload};
use warren_release::tarball::{self, Archive, JobError, Keep, Limits, Release};
use warren_wire_release::{InvalidRelease, Version};

use super::update_stemcell::directory;
use super::upload::{self, Uploaded, blocking};
use crate::event_log::Stage;
use crate::{Engine, Error, Task, intent, lock};

/// How long another upload of the release is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes a release.
pub async fn run(engine: &Engine, task: &Task, wanted: &Upload) -> Result<String, Error> {
    let mut file = upload::taken(wanted);
    if let Source::Url(url) = &wanted.source {
        let download = upload::download(engine, task, url);
        file = Some(single(task, "Downloading remote release", download).await?);
    }
    let Some(file) = file else {
        return Err(Error::refused(30_002, "The upload names no release"));
    };
    if let Some(digest) = wanted.sha1.as_deref().filter(|digest| !digest.is_empty()) {
        let verify = upload::verify(&file, digest, 30_015);
        single(task, "Verifying remote release", verify).await?;
    }
    let directory = directory(engine)?;
    let extract = extract(file, directory.path().to_owned());
    let release = single(task, "Extracting release", extract).await?;
    single(task, "Verifying manifest", async { check(&release) }).await?;
    let name = release.manifest.name.clone();
    let version = lock::with(task, &format!("lock:release:{name}"), PATIENCE, async {
        let taking = Taking::begin(engine, task, &release, wanted).await?;
        taking.carry_out().await?;
        Ok(taking.version)
    })
    .await?;
    Ok(format!("Created release '{name}/{version}'"))
}

/// A stage of one task, which has its name.
async fn single<T>(
    task: &Task,
    title: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    Stage::new(task, title, 1, &[]).run(title, |_| work).await
}

async fn extract(file: Uploaded, to: PathBuf) -> Result<Release, Error> {
    blocking("extract a release", move || {
        let path = file.path();
        let source = File::open(path)
            .map_err(|error| Error::other(format!("open {}", path.display()), error))?;
        tarball::read(source, Keep::Below(&to), &Limits::default()).map_err(refusal)
    })
    .await
}

fn refusal(error: tarball::Error) -> Error {
    use tarball::Error as Bad;
    let code = match &error {
        Bad::NoManifest => 30_003,
        Bad::Manifest(InvalidRelease::Name(_)) => 40_005,
        Bad::Manifest(InvalidRelease::Version(_)) => 30_010,
        Bad::Manifest(InvalidRelease::Missing { what: "job", .. }) => 80_003,
        Bad::Digest { .. } | Bad::BadDigest { .. } => 30_015,
        Bad::Job { source, .. } => match source {
            JobError::NoSpec => 80_001,
            JobError::NoTemplate { .. } => 80_002,
            JobError::NoMonit => 80_004,
            JobError::Spec(_) | JobError::OtherName { .. } => 80_012,
            _ => 80_000,
        },
        Bad::File { .. } => 100,
        _ => 30_002,
    };
    Error::refused(code, warren_lib_errchain::chain(&error))
}

/// What a tarball's own check leaves out: packages that jobs say they need.
fn check(release: &Release) -> Result<(), Error> {
    for job in &release.jobs {
        for package in job.spec.iter().flat_map(|spec| &spec.packages) {
            let source = release
                .packages
                .iter()
                .any(|one| one.listed.name == *package);
            let compiled = || {
                let mut all = release.compiled_packages.iter();
                all.any(|one| one.listed.name == *package)
            };
            if !source && !compiled() {
                return Err(Error::refused(
                    80_003,
                    format!(
                        "Job '{}' references missing package '{package}'",
                        job.listed.name
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// A package as the manifest lists it, of source or compiled.
struct Listed<'a> {
    name: &'a str,
    version: &'a str,
    fingerprint: &'a str,
    sha1: &'a str,
    dependencies: &'a [String],
    archive: Option<&'a Archive>,
    /// `OS/VERSION` if it is compiled.
    stemcell: Option<&'a str>,
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn listed(release: &Release) -> Vec<Listed<'_>> {
    let sources = release.packages.iter().map(|one| Listed {
        name: &one.listed.name,
        version: or(&one.listed.version, &one.listed.fingerprint),
        fingerprint: or(&one.listed.fingerprint, &one.listed.version),
        sha1: &one.listed.sha1,
        dependencies: &one.listed.dependencies,
        archive: one.archive.as_ref(),
        stemcell: None,
    });
    let compiled = release.compiled_packages.iter().map(|one| Listed {
        name: &one.listed.name,
        version: or(&one.listed.version, &one.listed.fingerprint),
        fingerprint: or(&one.listed.fingerprint, &one.listed.version),
        sha1: &one.listed.sha1,
        dependencies: &one.listed.dependencies,
        archive: one.archive.as_ref(),
        stemcell: Some(&one.listed.stemcell),
    });
    sources.chain(compiled).collect()
}

/// A version of a release that is being taken.
struct Taking<'a> {
    engine: &'a Engine,
    task: &'a Task,
    release: &'a Release,
    packages: Vec<Listed<'a>>,
    release_id: i64,
    /// Whether the release had no version before.
    is_first: bool,
    version_id: i64,
    version: String,
    fix: bool,
    rebase: bool,
}

impl<'a> Taking<'a> {
    async fn begin(
        engine: &'a Engine,
        task: &'a Task,
        release: &'a Release,
        wanted: &Upload,
    ) -> Result<Self, Error> {
        let pool = engine.store.pool();
        let manifest = &release.manifest;
        let is_first = releases::find(pool, &manifest.name).await?.is_none();
        let row = releases::find_or_create(pool, &manifest.name).await?;
        let version = if wanted.rebase {
            rebased(engine, &manifest.name, &manifest.version).await?
        } else {
            manifest.version.clone()
        };
        let mut fix = wanted.fix;
        let version_id = match releases::find_version(pool, &manifest.name, &version).await? {
            Some(there) => {
                let same = there.commit_hash == manifest.commit_hash
                    && *there.uncommitted_changes == manifest.uncommitted_changes;
                if !same {
                    return Err(Error::refused(
                        30_014,
                        format!(
                            "release '{}/{version}' has already been uploaded with commit_hash as '{}' and uncommitted_changes as '{}'",
                            manifest.name, there.commit_hash, *there.uncommitted_changes
                        ),
                    ));
                }
                fix |= !*there.update_completed;
                there.id
            }
            None => {
                let commit = &manifest.commit_hash;
                let dirty = manifest.uncommitted_changes;
                releases::create_version(pool, row.id, &version, commit, dirty).await?
            }
        };
        Ok(Self {
            engine,
            task,
            release,
            packages: listed(release),
            release_id: row.id,
            is_first,
            version_id,
            version,
            fix,
            rebase: wanted.rebase,
        })
    }

    async fn carry_out(&self) -> Result<(), Error> {
        let keys = single(self.task, "Resolving package dependencies", async {
            self.dependency_keys()
        })
        .await?;
        let (new_packages, ids) = self.take_packages().await?;
        self.take_compiled(&ids, &keys).await?;
        let new_jobs = self.take_jobs().await?;
        if self.rebase && new_packages + new_jobs == 0 {
            let pool = self.engine.store.pool();
            releases::delete_version(pool, self.version_id).await?;
            if self.is_first {
                // It was made for this version.
                releases::delete(pool, self.release_id).await?;
            }
            return Err(Error::refused(
                100,
                "Rebase is attempted without any job or package changes",
            ));
        }
        let title = if self.release.manifest.is_compiled() {
            "Compiled Release has been created"
        } else {
            "Release has been created"
        };
        let stage = Stage::new(self.task, title, 1, &[]);
        let name = self.name();
        stage
            .run(&name, |_| async {
                let pool = self.engine.store.pool();
                Ok(releases::set_completed(pool, self.version_id, true).await?)
            })
            .await
    }

    /// `NAME/VERSION`.
    fn name(&self) -> String {
        format!("{}/{}", self.release.manifest.name, self.version)
    }

    /// Versions of all that each package was compiled with; also finds packages that need each other.
    fn dependency_keys(&self) -> Result<Vec<String>, Error> {
        let planned = Planned {
            name: self.release.manifest.name.clone(),
            version: self.version.clone(),
            id: self.version_id,
            jobs: Vec::new(),
            packages: self
                .packages
                .iter()
                .map(|one| Package {
                    id: 0,
                    name: one.name.to_owned(),
                    version: one.version.to_owned(),
                    fingerprint: one.fingerprint.to_owned(),
                    source: None,
                    dependencies: one.dependencies.to_vec(),
                    compiled: Vec::new(),
                })
                .collect(),
        };
        let keys = planned
            .packages
            .iter()
            .map(|one| dependency_key(&planned, one));
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// Whose a blob is to be, for this upload; nobody else uploads this release now.
    fn owner(&self, kind: &str, name: &str) -> String {
        format!("{kind} {name} of release {}", self.name())
    }

    /// Stores an archive; the answer is its blob, an intent until it has a row.
    async fn store(&self, archive: &Archive, owner: &str) -> Result<String, Error> {
        let path: &Path = archive.path.as_deref().unwrap_or(Path::new(""));
        let file = tokio::fs::File::open(path)
            .await
            .map_err(|error| Error::other(format!("open {}", path.display()), error))?;
        Ok(intent::store(self.engine, self.task, owner, file).await?.id)
    }
}

/// The digest that is remembered of an archive.
fn digest(listed: &str, archive: &Archive) -> String {
    match listed {
        "" => archive.sums.sha256(),
        listed => listed.to_owned(),
    }
}

/// The next development version after the last one of the same number.
async fn rebased(engine: &Engine, name: &str, wanted: &str) -> Result<String, Error> {
    let number = |text: &str| {
        let number = text.split_once('+').map_or(text, |(number, _)| number);
        number.parse::<Version>().ok()
    };
    let like = number(wanted);
    let rows = releases::versions(engine.store.pool(), name).await?;
    let last = rows
        .iter()
        .filter(|row| number(&row.version) == like)
        .filter_map(|row| row.version.parse::<Version>().ok())
        .max();
    let next = match last.or(like) {
        Some(last) => last.next_dev(),
        None => return Err(Error::refused(30_010, format!("'{wanted}' is no version"))),
    };
    next.map(|version| version.to_string())
        .map_err(|error| Error::refused(30_010, error.to_string()))
}
