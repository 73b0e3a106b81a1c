//! Releases: which there are, what is in one, deleting and exporting.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use warren_director_store::deployments::{self, Reference};
use warren_director_store::work::{Export, Work};
use warren_director_store::{compiled_packages, packages, releases, templates};

use crate::answer::json;
use crate::body::Body;
use crate::call::{self, Call};
use crate::enqueue::{Wanted, enqueue, enqueue_alone};
use crate::failure::Failure;
use crate::route::{Route, Takes, delete, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/releases", Need::List, list),
        get("/releases/:name", Need::List, show),
        delete("/releases/:name", Need::Admin, remove),
        post("/releases/export", Need::Admin, export).takes(Takes::Json),
    ]
}

#[derive(Serialize)]
struct Listed {
    name: String,
    release_versions: Vec<ListedVersion>,
}

#[derive(Serialize)]
struct ListedVersion {
    version: String,
    commit_hash: String,
    uncommitted_changes: bool,
    currently_deployed: bool,
    job_names: Vec<String>,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let uses = deployments::uses(pool, Reference::ReleaseVersion).await?;
    let used: BTreeSet<i64> = uses.into_iter().map(|one| one.id).collect();
    let mut jobs: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (version, name) in templates::names(pool).await? {
        jobs.entry(version).or_default().push(name);
    }
    let mut all: Vec<Listed> = Vec::new();
    for version in releases::list(pool).await? {
        let shown = ListedVersion {
            version: version.version,
            commit_hash: version.commit_hash,
            uncommitted_changes: *version.uncommitted_changes,
            currently_deployed: used.contains(&version.id),
            job_names: jobs.remove(&version.id).unwrap_or_default(),
        };
        match all.last_mut() {
            Some(last) if last.name == version.name => last.release_versions.push(shown),
            _ => all.push(Listed {
                name: version.name,
                release_versions: vec![shown],
            }),
        }
    }
    json(&all)
}

#[derive(Serialize)]
struct Shown {
    jobs: Vec<Job>,
    packages: Vec<Package>,
}

#[derive(Serialize)]
struct Job {
    name: String,
    blobstore_id: String,
    sha1: String,
    fingerprint: String,
    consumes: Vec<Link>,
    provides: Vec<Link>,
}

#[derive(Serialize)]
struct Link {
    name: String,
    r#type: String,
    optional: bool,
}

#[derive(Serialize)]
struct Package {
    name: String,
    blobstore_id: Option<String>,
    sha1: Option<String>,
    fingerprint: String,
    compiled_packages: Vec<Compiled>,
}

#[derive(Serialize)]
struct Compiled {
    stemcell: String,
    sha1: String,
    blobstore_id: String,
}

#[derive(Serialize)]
struct Versions {
    versions: Vec<String>,
}

async fn show(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let name = call.param("name");
    if releases::find(pool, name).await?.is_none() {
        return Err(no_release(name));
    }
    let Some(version) = call.query.some("version") else {
        let versions = releases::versions(pool, name).await?;
        return json(&Versions {
            versions: versions.into_iter().map(|one| one.version).collect(),
        });
    };
    let version = releases::find_version(pool, name, version)
        .await?
        .ok_or_else(|| no_version(name, version))?;
    let mut compiled: BTreeMap<i64, Vec<Compiled>> = BTreeMap::new();
    for one in compiled_packages::of_version(pool, version.id).await? {
        compiled.entry(one.package_id).or_default().push(Compiled {
            stemcell: format!("{}/{}", one.stemcell_os, one.stemcell_version),
            sha1: one.sha1,
            blobstore_id: one.blobstore_id,
        });
    }
    let jobs = templates::of_version(pool, version.id).await?;
    let packages = packages::of_version(pool, version.id).await?;
    json(&Shown {
        jobs: jobs
            .into_iter()
            .map(|job| {
                let spec: Value = serde_json::from_str(&job.spec).unwrap_or_default();
                Job {
                    consumes: links(&spec, "consumes"),
                    provides: links(&spec, "provides"),
                    name: job.name,
                    blobstore_id: job.blobstore_id,
                    sha1: job.sha1,
                    fingerprint: job.fingerprint,
                }
            })
            .collect(),
        packages: packages
            .into_iter()
            .map(|package| Package {
                compiled_packages: compiled.remove(&package.id).unwrap_or_default(),
                name: package.name,
                blobstore_id: package.blobstore_id,
                sha1: package.sha1,
                fingerprint: package.fingerprint,
            })
            .collect(),
    })
}

fn links(spec: &Value, key: &str) -> Vec<Link> {
    let list = spec.get(key).and_then(Value::as_array);
    let text = |link: &Value, key: &str| {
        link.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let links = list.into_iter().flatten().map(|link| Link {
        name: text(link, "name"),
        r#type: text(link, "type"),
        optional: link
            .get("optional")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    });
    links.collect()
}

fn no_release(name: &str) -> Failure {
    Failure::missing(30_005, format!("Release '{name}' doesn't exist"))
}

fn no_version(name: &str, version: &str) -> Failure {
    Failure::missing(
        30_006,
        format!("Release version '{name}/{version}' doesn't exist"),
    )
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let name = call.param("name").to_owned();
    let pool = call.api.store.pool();
    if releases::find(pool, &name).await?.is_none() {
        return Err(no_release(&name));
    }
    let version = call.query.some("version").map(str::to_owned);
    if let Some(version) = &version
        && releases::find_version(pool, &name, version)
            .await?
            .is_none()
    {
        return Err(no_version(&name, version));
    }
    let description = match &version {
        Some(version) => format!("delete release: {name}/{version}"),
        None => format!("delete release: {name}"),
    };
    let work = Work::DeleteRelease {
        name,
        version,
        force: call.query.is_true("force"),
    };
    enqueue_alone(&call, description, work).await
}

async fn export(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let name = body.text("deployment_name")?;
    let jobs = body.objects("jobs")?;
    let jobs = jobs.into_iter().map(|job| job.text("name"));
    let export = Export {
        deployment: name.clone(),
        release_name: body.text("release_name")?,
        release_version: body.text("release_version")?,
        stemcell_os: body.text("stemcell_os")?,
        stemcell_version: body.text("stemcell_version")?,
        sha2: body.some_flag("sha2")?,
        jobs: jobs.collect::<Result<_, _>>()?,
    };
    let deployment = call::deployment(&call.api, &name)
        .await?
        .ok_or_else(|| Failure::no_deployment(&name))?;
    let description = format!(
        "export release: '{}/{}' for '{}/{}'",
        export.release_name, export.release_version, export.stemcell_os, export.stemcell_version
    );
    let wanted = Wanted {
        work: Work::ExportRelease(export),
        description,
        deployment: Some((&deployment.name, &deployment.teams)),
    };
    enqueue(&call, wanted).await
}
