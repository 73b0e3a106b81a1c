//! Deleting what nobody uses, and a list of what that would be.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use serde::Serialize;
use warren_director_plan::unused::{self, Names, Row};
use warren_director_store::deployments::{self, Reference};
use warren_director_store::work::Work;
use warren_director_store::{blobs, compiled_packages, dns, now, packages, releases, stemcells};

use super::disks::{Orphan as OrphanDisk, orphaned as orphaned_disks};
use super::stemcells::{Listed, listed};
use super::vms::{Orphan as OrphanVm, orphaned as orphaned_vms};
use crate::answer::json;
use crate::body::Body;
use crate::call::Call;
use crate::enqueue::enqueue_alone;
use crate::failure::Failure;
use crate::route::{Route, Takes, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/cleanup", Need::Admin, clean_up).takes(Takes::Json),
        get("/cleanup/dryrun", Need::Admin, dry_run),
    ]
}

async fn clean_up(mut call: Call) -> Result<Response, Failure> {
    let config = Body::of(&mut call).await?.object("config")?;
    let remove_all = config.some_flag("remove_all")?;
    let description = match remove_all {
        true => "clean up all",
        false => "clean up",
    };
    let work = Work::CleanUp {
        remove_all,
        keep_orphaned_disks: config.some_flag("keep_orphaned_disks")?,
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

/// What a clean-up of the same kind would find to delete now.
async fn dry_run(call: Call) -> Result<Response, Failure> {
    let all = call.query.is_true("remove_all");
    let pool = call.api.store.pool();
    let releases = unused_releases(&call, all).await?;
    let stemcells = unused_stemcells(&call, all).await?;
    let (mut compiled, mut disks) = (Vec::new(), Vec::new());
    if all {
        compiled = extra_packages(&call, &releases, &stemcells).await?;
        if !call.query.is_true("keep_orphaned_disks") {
            disks = orphaned_disks(&call).await?;
        }
    }
    let exported = blobs::before(pool, now() + 1).await?;
    let names = Names::new(all, !deployments::list(pool).await?.is_empty());
    let published = dns::published(pool).await?;
    let old = names.old(published, now(), |one| (one.id, one.created_at));
    json(&Dry {
        releases: grouped(releases),
        stemcells: stemcells
            .into_iter()
            .map(|stemcell| listed(stemcell, &[]))
            .collect(),
        compiled_packages: compiled,
        orphaned_disks: disks,
        orphaned_vms: orphaned_vms(&call).await?,
        exported_releases: exported
            .into_iter()
            .filter(|blob| blob.kind == "exported-release")
            .map(|blob| blob.blobstore_id)
            .collect(),
        dns_blobs: old.into_iter().map(|names| names.blobstore_id).collect(),
    })
}

async fn used(call: &Call, what: Reference) -> Result<BTreeSet<i64>, Failure> {
    let all = deployments::uses(call.api.store.pool(), what).await?;
    Ok(all.into_iter().map(|one| one.id).collect())
}

/// Names and versions.
async fn unused_releases(call: &Call, all: bool) -> Result<Vec<(String, String)>, Failure> {
    let used = used(call, Reference::ReleaseVersion).await?;
    let rows = releases::list(call.api.store.pool()).await?;
    let rows = rows.iter().map(|row| Row {
        name: &row.name,
        version: &row.version,
        is_used: used.contains(&row.id),
    });
    Ok(unused::surplus(rows, unused::kept(all)))
}

fn grouped(versions: Vec<(String, String)>) -> Vec<Release> {
    let mut all: Vec<Release> = Vec::new();
    for (name, version) in versions {
        match all.last_mut().filter(|last| last.name == name) {
            Some(last) => last.versions.push(version),
            None => all.push(Release {
                name,
                versions: vec![version],
            }),
        }
    }
    all
}

/// Rows, of which a version has one for each CPI.
async fn unused_stemcells(call: &Call, all: bool) -> Result<Vec<stemcells::Stemcell>, Failure> {
    let used = used(call, Reference::Stemcell).await?;
    let list = stemcells::list(call.api.store.pool()).await?;
    let rows = list.iter().map(|row| Row {
        name: &row.name,
        version: &row.version,
        is_used: used.contains(&row.id),
    });
    let gone = unused::surplus(rows, unused::kept(all));
    let of = |(name, version): &(String, String)| {
        let same = list
            .iter()
            .filter(|row| row.name == *name && row.version == *version);
        same.cloned().collect::<Vec<_>>()
    };
    Ok(gone.iter().flat_map(of).collect())
}

/// Compiled packages that no stemcell is left for; those of releases that go, go with them.
async fn extra_packages(
    call: &Call,
    releases: &[(String, String)],
    stemcells: &[stemcells::Stemcell],
) -> Result<Vec<Compiled>, Failure> {
    let pool = call.api.store.pool();
    let mut left = stemcells::list(pool).await?;
    left.retain(|row| stemcells.iter().all(|gone| gone.id != row.id));
    let lines: BTreeSet<(String, String)> = left
        .iter()
        .map(|row| unused::line(&row.operating_system, &row.version))
        .collect();
    let mut extra = BTreeMap::new();
    for version in releases::list(pool).await? {
        let goes =
            |(name, gone): &(String, String)| *name == version.name && *gone == version.version;
        if releases.iter().any(goes) {
            continue;
        }
        let packages = packages::of_version(pool, version.id).await?;
        for row in compiled_packages::of_version(pool, version.id).await? {
            if !lines.contains(&unused::line(&row.stemcell_os, &row.stemcell_version)) {
                let package = packages.iter().find(|one| one.id == row.package_id);
                extra.insert(
                    row.id,
                    Compiled {
                        package_name: package.map_or_else(String::new, |one| one.name.clone()),
                        stemcell_os: row.stemcell_os,
                        stemcell_version: row.stemcell_version,
                    },
                );
            }
        }
    }
    Ok(extra.into_values().collect())
}
