//! `export release`: a version of a release as it is compiled for a stemcell, in one tarball.
//!
//! ```text
//! lock ── compile what is missing ── copy packages, jobs ── release.MF ── tarball ── blob
//! ```
//!
//! The release must be in the deployment, whose cloud config says where is compiled. In the tarball are
//! the packages of the wanted jobs with all that these need, each compiled on exactly this stemcell. The
//! tarball's blob is kept until the next clean-up. Source: reference of CPIs, stemcells and releases,
//! section 4.8.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use warren_director_plan::{Compiled, Draft, Existing, Group, Input, Job, NameIds, Release};
use warren_director_plan::{Options, Stemcell, links::Links};
use warren_director_store::work::Export;
use warren_director_store::{blobs, deployments, intents, releases, stemcells, templates};
use warren_release::{Compression, Sums, tarball};
use warren_wire_manifest::deployment::Lifecycle;
use warren_wire_release::{CompiledPackageRef, JobRef, MultiDigest, ReleaseManifest};

use super::upload::blocking;
use super::{targets, update_instance, update_stemcell};
use crate::cpis::Cpis;
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, compile, documents, inputs, intent, lock};

/// How long a deploy is waited for.
const PATIENCE: Duration = Duration::from_secs(900);
/// The group whose packages are compiled.
const GROUP: &str = "dummy-job-for-compilation";
/// What blobs of tarballs are called among those that are kept for a while.
pub const KIND: &str = "exported-release";

/// Exports a release.
pub async fn run(engine: &Engine, task: &Task, wanted: &Export) -> Result<String, Error> {
    let deployment = targets::deployment(engine, &wanted.deployment).await?;
    let name = format!("{}/{}", wanted.release_name, wanted.release_version);
    let row = releases::find_version(
        engine.store.pool(),
        &wanted.release_name,
        &wanted.release_version,
    )
    .await?
    .ok_or_else(|| Error::refused(30_006, format!("Release version '{name}' doesn't exist")))?;
    if !is_deployed(&deployment, wanted) {
        return Err(Error::refused(
            30_011,
            format!(
                "Release version '{name}' not found in deployment '{}' manifest",
                wanted.deployment
            ),
        ));
    }
    let all = stemcells::list(engine.store.pool()).await?;
    let mut stemcell = documents::stemcell(&all, "", |one| {
        one.operating_system == wanted.stemcell_os && one.version == wanted.stemcell_version
    })
    .ok_or_else(|| no_stemcell(wanted))?;
    Cpis::read(engine, task).await?.inherit(&mut stemcell);
    let lock = format!("lock:deployment:{}", wanted.deployment);
    let export = Exporting {
        engine,
        task,
        wanted,
        release: inputs::release_of(engine, &wanted.release_name, &wanted.release_version).await?,
        row,
        stemcell,
    };
    let of_stemcell = format!(
        "lock:stemcells:{}:{}",
        export.stemcell.name, export.stemcell.version
    );
    lock::with(task, &lock, PATIENCE, async {
        // No deployment need use it, so that somebody may be deleting it.
        lock::with(task, &of_stemcell, PATIENCE, async {
            export.check_stemcell().await?;
            export.carry_out(&deployment).await
        })
        .await
    })
    .await?;
    Ok(format!(
        "Exported release: {name} for {}/{}",
        wanted.stemcell_os, wanted.stemcell_version
    ))
}

/// Whether the version is in the manifest that was carried out last.
fn is_deployed(deployment: &deployments::Deployment, wanted: &Export) -> bool {
    let manifest: Value = deployment
        .manifest
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let releases = manifest.get("releases").and_then(Value::as_array);
    let single = manifest.get("release");
    releases.into_iter().flatten().chain(single).any(|one| {
        let version = match one.get("version") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        one.get("name").and_then(Value::as_str) == Some(&wanted.release_name)
            && version == wanted.release_version
    })
}

fn no_stemcell(wanted: &Export) -> Error {
    Error::refused(
        50_003,
        format!(
            "Stemcell version '{}' for OS '{}' doesn't exist",
            wanted.stemcell_version, wanted.stemcell_os
        ),
    )
}

struct Exporting<'a> {
    engine: &'a Engine,
    task: &'a Task,
    wanted: &'a Export,
    release: Release,
    row: releases::ReleaseVersion,
    stemcell: Stemcell,
}

impl Exporting<'_> {
    /// Somebody may have deleted it since it was found.
    async fn check_stemcell(&self) -> Result<(), Error> {
        let all = stemcells::list(self.engine.store.pool()).await?;
        let is_there = |id: &i64| all.iter().any(|one| one.id == *id && !*one.going);
        match self.stemcell.ids.values().all(is_there) {
            true => Ok(()),
            false => Err(no_stemcell(self.wanted)),
        }
    }

    async fn carry_out(&self, deployment: &deployments::Deployment) -> Result<(), Error> {
        let (engine, task) = (self.engine, self.task);
        let jobs = self.jobs()?;
        let packages = self.packages(&jobs)?;
        let compiled = self.compile(deployment, &packages).await?;
        let directory = update_stemcell::directory(engine)?;
        let listed = self.copy(directory.path(), &jobs, &compiled).await?;
        let manifest = self.manifest(&jobs, &compiled).await?;
        let path = directory.path().join("release.tgz");
        let (to, of) = (path.clone(), path.clone());
        let sums = blocking("write a release", move || {
            let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
                Error::other(format!("write {}", of.display()), error)
            };
            let file = std::fs::File::create_new(&to).map_err(|error| failed(error.into()))?;
            tarball::write(file, Compression::Gzip, &manifest, &listed)
                .map_err(|error| failed(error.into()))?;
            Sums::of_file(&to).map_err(|error| failed(error.into()))
        })
        .await?;
        let file = tokio::fs::File::open(&path)
            .await
            .map_err(|error| Error::other(format!("open {}", path.display()), error))?;
        let owner = format!("release for task {}", task.id);
        let blob = intent::store(engine, task, &owner, file).await?.id;
        let digest = match self.wanted.sha2 {
            true => sums.sha256(),
            false => sums.sha1(),
        };
        let mut tx = engine.store.begin().await?;
        intents::delete(&mut *tx, &blob).await?;
        blobs::remember(&mut *tx, &blob, &digest, KIND).await?;
        commit(tx).await?;
        let result = json!({"blobstore_id": blob, "sha1": digest});
        task.result(format!("{result}\n").as_bytes());
        Ok(())
    }

    /// The jobs that are wanted.
    fn jobs(&self) -> Result<Vec<&Job>, Error> {
        let wanted = &self.wanted.jobs;
        let unknown = wanted
            .iter()
            .find(|name| !self.release.jobs.iter().any(|job| job.name == **name));
        if let Some(name) = unknown {
            return Err(Error::refused(
                70_009,
                format!(
                    "Job '{name}' doesn't exist in release '{}/{}'",
                    self.release.name, self.release.version
                ),
            ));
        }
        let jobs = self.release.jobs.iter();
        Ok(jobs
            .filter(|job| wanted.is_empty() || wanted.contains(&job.name))
            .collect())
    }

    /// Places of the packages of jobs, and of all that these need.
    fn packages(&self, jobs: &[&Job]) -> Result<BTreeSet<usize>, Error> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&String> = jobs.iter().flat_map(|job| &job.packages).collect();
        while let Some(name) = open.pop() {
            let place = self
                .release
                .packages
                .iter()
                .position(|package| package.name == *name)
                .ok_or_else(|| {
                    Error::refused(
                        80_003,
                        format!("Release '{}' has no package '{name}'", self.release.name),
                    )
                })?;
            if found.insert(place) {
                open.extend(&self.release.packages[place].dependencies);
            }
        }
        Ok(found)
    }

    /// Compiles what is not compiled yet; what packages became, by their place.
    async fn compile(
        &self,
        deployment: &deployments::Deployment,
        packages: &BTreeSet<usize>,
    ) -> Result<BTreeMap<usize, Compiled>, Error> {
        let (engine, task) = (self.engine, self.task);
        let variables = update_instance::variables(engine, deployment).await?;
        let mut documents = documents::last(engine, deployment, &variables).await?;
        // It is about another stemcell, on which everything may have to be compiled.
        for release in &mut documents.deployment.releases {
            release.exported_from.clear();
        }
        let director = inputs::director(engine);
        let (existing, options) = (Existing::default(), Options::default());
        let (taken, ids) = (inputs::taken(engine).await?, NameIds::default());
        let stemcells = [self.stemcell.clone()];
        let releases = [self.release.clone()];
        let input = Input {
            director: &director,
            deployment: &documents.deployment,
            cloud: &documents.cloud,
            releases: &releases,
            stemcells: &stemcells,
            existing: &existing,
            taken: &taken,
            providers: &[],
            ids: &ids,
            options: &options,
            resolved: &BTreeMap::new(),
            sizes: &warren_director_plan::machine::Sizes::default(),
            new_id: &warren_director_store::uuid::new,
        };
        let draft = Draft {
            groups: vec![self.group(&documents, packages)],
            obsolete: Vec::new(),
            links: Links::default(),
        };
        let stage = Stage::new(task, "Preparing package compilation", 1, &[]);
        stage
            .run("Finding packages to compile", |_| async { Ok(()) })
            .await?;
        compile::sweep(engine, task, deployment.id, false).await?;
        let outcome = compile::all(engine, task, &input, &draft, deployment.id, &variables).await?;
        let mut compiled = BTreeMap::new();
        for place in packages {
            let package = &self.release.packages[*place];
            let exact = outcome
                .get(&(0, *place, 0))
                .filter(|one| one.version == self.stemcell.version);
            let Some(exact) = exact else {
                return Err(Error::refused(
                    60_001,
                    format!(
                        "Package '{}/{}' has no source code and is not compiled for stemcell '{}/{}'",
                        package.name, package.version, self.stemcell.os, self.stemcell.version
                    ),
                ));
            };
            compiled.insert(*place, exact.clone());
        }
        Ok(compiled)
    }

    fn group(&self, documents: &documents::Documents, packages: &BTreeSet<usize>) -> Group {
        let named = packages.iter().map(|place| {
            let name = self.release.packages[*place].name.clone();
            (name, (0, *place))
        });
        Group {
            name: GROUP.to_owned(),
            lifecycle: Lifecycle::Service,
            update: documents.deployment.update.clone(),
            stemcell: 0,
            jobs: Vec::new(),
            packages: named.collect(),
            instances: Vec::new(),
            surplus: Vec::new(),
            disks: Vec::new(),
            env: Map::new(),
            vm_type: None,
            vm_resources: None,
            tags: Map::new(),
            use_dns_addresses: false,
        }
    }

    /// Copies all archives to a directory.
    async fn copy(
        &self,
        to: &Path,
        jobs: &[&Job],
        compiled: &BTreeMap<usize, Compiled>,
    ) -> Result<tarball::Listed, Error> {
        let mut listed = tarball::Listed::default();
        let stage = Stage::new(self.task, "copying packages", compiled.len(), &[]);
        for (place, one) in compiled {
            self.task.check()?;
            let package = &self.release.packages[*place];
            let path = to.join(format!("package-{place}"));
            stage
                .run(&format!("{}/{}", package.name, package.version), |_| {
                    self.fetch(&one.blobstore_id, &one.sha1, &path)
                })
                .await?;
            listed.compiled_packages.push((package.name.clone(), path));
        }
        let stage = Stage::new(self.task, "copying jobs", jobs.len(), &[]);
        for (place, job) in jobs.iter().enumerate() {
            self.task.check()?;
            let path = to.join(format!("job-{place}"));
            stage
                .run(&format!("{}/{}", job.name, job.version), |_| {
                    self.fetch(&job.blobstore_id, &job.sha1, &path)
                })
                .await?;
            listed.jobs.push((job.name.clone(), path));
        }
        Ok(listed)
    }

    /// Copies a blob to a file and compares it with the digest that it should have.
    async fn fetch(&self, blob: &str, digest: &str, to: &PathBuf) -> Result<(), Error> {
        let failed = |error: std::io::Error| {
            Error::other(format!("copy blob '{blob}' to {}", to.display()), error)
        };
        let (mut from, _) = self.engine.blobs.open_blob(blob).await?;
        let mut file = tokio::fs::File::create_new(to).await.map_err(failed)?;
        tokio::io::copy(&mut from, &mut file)
            .await
            .map_err(failed)?;
        file.flush().await.map_err(failed)?;
        let expected: MultiDigest = digest.parse().map_err(|error| {
            Error::refused(100, format!("Digest '{digest}' of blob '{blob}': {error}"))
        })?;
        let path = to.clone();
        let sums = blocking("compute a digest", move || {
            Sums::of_file(&path)
                .map_err(|error| Error::other(format!("read {}", path.display()), error))
        })
        .await?;
        if sums.are(&expected) {
            return Ok(());
        }
        Err(Error::refused(
            100,
            format!("Blob '{blob}' is not what it was: it should have the digest '{digest}'"),
        ))
    }

    async fn manifest(
        &self,
        jobs: &[&Job],
        compiled: &BTreeMap<usize, Compiled>,
    ) -> Result<ReleaseManifest, Error> {
        let rows = templates::of_version(self.engine.store.pool(), self.row.id).await?;
        let fingerprints: BTreeMap<String, String> = rows
            .into_iter()
            .map(|row| (row.name, row.fingerprint))
            .collect();
        let stemcell = format!("{}/{}", self.stemcell.os, self.stemcell.version);
        let packages = compiled.iter().map(|(place, one)| {
            let package = &self.release.packages[*place];
            CompiledPackageRef {
                name: package.name.clone(),
                version: package.version.clone(),
                fingerprint: package.fingerprint.clone(),
                sha1: one.sha1.clone(),
                stemcell: stemcell.clone(),
                dependencies: package.dependencies.clone(),
            }
        });
        let jobs = jobs.iter().map(|job| JobRef {
            name: job.name.clone(),
            version: job.version.clone(),
            fingerprint: fingerprints.get(&job.name).cloned().unwrap_or_default(),
            sha1: job.sha1.clone(),
            packages: job.packages.clone(),
        });
        Ok(ReleaseManifest {
            name: self.release.name.clone(),
            version: self.release.version.clone(),
            commit_hash: self.row.commit_hash.clone(),
            uncommitted_changes: *self.row.uncommitted_changes,
            jobs: jobs.collect(),
            compiled_packages: Some(packages.collect()),
            ..ReleaseManifest::default()
        })
    }
}
