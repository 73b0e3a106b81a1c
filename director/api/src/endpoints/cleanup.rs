//! Deleting what nobody uses, and a list of what that would be.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use serde::{Deserialize, Serialize};
use warren_director_store::deployments::{self, Reference};
use warren_director_store::work::Work;
use warren_director_store::{blobs, compiled_packages, dns, now, releases, stemcells};
use warren_wire_release::Version;

use super::disks::{Orphan as OrphanDisk, orphaned as orphaned_disks};
use super::stemcells::{Listed, listed};
use super::vms::{Orphan as OrphanVm, orphaned as orphaned_vms};
use crate::answer::json;
use crate::call::Call;
use crate::enqueue::enqueue_alone;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, post};
use crate::scopes::Need;

/// How many unused versions of a release or a stemcell are kept unless all shall go.
const KEPT: usize = 2;
/// How many published versions of the names are kept.
const KEPT_NAMES: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/cleanup", Need::Admin, clean_up).takes(Takes::Json),
        get("/cleanup/dryrun", Need::Admin, dry_run),
    ]
}

#[derive(Deserialize)]
struct Body {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    remove_all: bool,
    #[serde(default)]
    keep_orphaned_disks: bool,
}

async fn clean_up(mut call: Call) -> Result<Response, Failure> {
    let Body { config } = call.json().await?;
    let description = if config.remove_all {
        "clean up all"
    } else {
        "clean up"
    };
    let work = Work::CleanUp {
        remove_all: config.remove_all,
        keep_orphaned_disks: config.keep_orphaned_disks,
    };
    enqueue_alone(&call, description, work).await
}

#[derive(Serialize)]
struct Dry {
    releases: Vec<Release>,
    stemcells: Vec<Listed>,
    compiled_packages: Vec<Compiled>,
    orphaned_disks: Vec<OrphanDisk>,
    orphaned_vms: Vec<OrphanVm>,
    exported_releases: Vec<String>,
    dns_blobs: Vec<String>,
}

#[derive(Serialize)]
struct Release {
    name: String,
    versions: Vec<String>,
}

#[derive(Serialize)]
struct Compiled {
    package_name: String,
    stemcell_os: String,
    stemcell_version: String,
}

async fn dry_run(call: Call) -> Result<Response, Failure> {
    let all = call.query.is_true("remove_all");
    let pool = call.api.store.pool();
    let kept = if all { 0 } else { KEPT };
    let mut compiled = Vec::new();
    let mut disks = Vec::new();
    if all {
        for (package_name, stemcell_os, stemcell_version) in
            compiled_packages::without_stemcell(pool).await?
        {
            compiled.push(Compiled {
                package_name,
                stemcell_os,
                stemcell_version,
            });
        }
        if !call.query.is_true("keep_orphaned_disks") {
            disks = orphaned_disks(&call).await?;
        }
    }
    let exported = blobs::before(pool, now() + 1).await?;
    json(&Dry {
        releases: unused_releases(&call, kept).await?,
        stemcells: unused_stemcells(&call, kept).await?,
        compiled_packages: compiled,
        orphaned_disks: disks,
        orphaned_vms: orphaned_vms(&call).await?,
        exported_releases: exported
            .into_iter()
            .filter(|blob| blob.kind == "exported-release")
            .map(|blob| blob.blobstore_id)
            .collect(),
        dns_blobs: dns::published(pool)
            .await?
            .into_iter()
            .skip(KEPT_NAMES)
            .map(|names| names.blobstore_id)
            .collect(),
    })
}

async fn used(call: &Call, what: Reference) -> Result<BTreeSet<i64>, Failure> {
    let all = deployments::uses(call.api.store.pool(), what).await?;
    Ok(all.into_iter().map(|one| one.id).collect())
}

async fn unused_releases(call: &Call, kept: usize) -> Result<Vec<Release>, Failure> {
    let used = used(call, Reference::ReleaseVersion).await?;
    let mut unused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for version in releases::list(call.api.store.pool()).await? {
        if !used.contains(&version.id) {
            unused
                .entry(version.name)
                .or_default()
                .push(version.version);
        }
    }
    let all = unused.into_iter().map(|(name, versions)| Release {
        versions: but_newest(versions, kept, |version| version.as_str()),
        name,
    });
    Ok(all.filter(|release| !release.versions.is_empty()).collect())
}

async fn unused_stemcells(call: &Call, kept: usize) -> Result<Vec<Listed>, Failure> {
    let used = used(call, Reference::Stemcell).await?;
    let mut unused: BTreeMap<(String, String), Vec<stemcells::Stemcell>> = BTreeMap::new();
    for stemcell in stemcells::list(call.api.store.pool()).await? {
        if !used.contains(&stemcell.id) {
            let key = (stemcell.name.clone(), stemcell.cpi.clone());
            unused.entry(key).or_default().push(stemcell);
        }
    }
    let all = unused.into_values();
    let all = all.flat_map(|versions| but_newest(versions, kept, |one| one.version.as_str()));
    Ok(all.map(|stemcell| listed(stemcell, &[])).collect())
}

/// All but the newest few, oldest first.
fn but_newest<T>(mut all: Vec<T>, kept: usize, version: impl Fn(&T) -> &str) -> Vec<T> {
    // What is no version counts as old.
    all.sort_by(|a, b| {
        let parse = |one: &T| version(one).parse::<Version>().ok();
        match (parse(a), parse(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    });
    all.truncate(all.len().saturating_sub(kept));
    all
}
