//! `clean up`: what nothing uses any more.
//!
//! What is kept of it, `warren_director_plan::unused` says; orphaned disks are kept unless all shall go.
//! Source: reference of the deploy engine, section 19.

use std::collections::{BTreeMap, BTreeSet};

use warren_director_plan::unused::{self, Names, Row};
use warren_director_store::deployments::{self, Reference};
use warren_director_store::ips::Owner;
use warren_director_store::{
    blobs, compiled_packages, disks, dns, ips, now, orphaned_vms, packages, releases, stemcells,
};

use super::{delete_release, delete_stemcell, disk};
use crate::cpis::Cpis;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, lock};

/// Cleans up.
pub async fn run(
    engine: &Engine,
    task: &Task,
    remove_all: bool,
    keep_orphaned_disks: bool,
) -> Result<String, Error> {
    let cleaning = Cleaning {
        engine,
        task,
        remove_all,
    };
    let vms = cleaning.machines().await?;
    let releases = cleaning.releases().await?;
    let stemcells = cleaning.stemcells().await?;
    let (mut packages, mut gone) = (0, 0);
    if remove_all {
        packages = cleaning.compiled().await?;
        if !keep_orphaned_disks {
            gone = cleaning.disks().await?;
        }
    }
    let exported = cleaning.exported().await?;
    let names = cleaning.names().await?;
    Ok(format!(
        "Deleted {releases} release(s), {stemcells} stemcell(s), {packages} extra compiled package(s), {gone} orphaned disk(s), {vms} orphaned vm(s), {exported} exported release(s), {names} dns blob(s)"
    ))
}

struct Cleaning<'a> {
    engine: &'a Engine,
    task: &'a Task,
    remove_all: bool,
}

impl Cleaning<'_> {
    async fn used(&self, what: Reference) -> Result<BTreeSet<i64>, Error> {
        let uses = deployments::uses(self.engine.store.pool(), what).await?;
        Ok(uses.into_iter().map(|one| one.id).collect())
    }

    async fn machines(&self) -> Result<usize, Error> {
        let pool = self.engine.store.pool();
        let all = orphaned_vms::list(pool).await?;
        let stage = Stage::new(self.task, "Deleting orphaned vms", all.len(), &[]);
        let cpis = Cpis::read(self.engine, self.task).await?;
        for one in &all {
            self.task.check()?;
            let name = format!("lock:orphan_vm_cleanup:{}", one.cid);
            stage
                .run(&one.cid, |_| {
                    lock::with(self.task, &name, lock::PATIENCE, async {
                        let cpi = cpis.get(&one.cpi)?;
                        cpi.delete_vm(&one.cid, one.stemcell_api_version).await?;
                        ips::release_all(pool, Owner::OrphanedVm(one.id)).await?;
                        Ok(orphaned_vms::delete(pool, one.id).await?)
                    })
                })
                .await?;
        }
        Ok(all.len())
    }

    async fn releases(&self) -> Result<usize, Error> {
        let used = self.used(Reference::ReleaseVersion).await?;
        let rows = releases::list(self.engine.store.pool()).await?;
        let rows = rows.iter().map(|row| Row {
            name: &row.name,
            version: &row.version,
            is_used: used.contains(&row.id),
        });
        let gone = unused::surplus(rows, unused::kept(self.remove_all));
        let stage = Stage::new(self.task, "Deleting releases", gone.len(), &[]);
        for (name, version) in &gone {
            self.task.check()?;
            stage
                .run(&format!("{name}/{version}"), |_| {
                    delete_release::run(self.engine, self.task, name, Some(version), false)
                })
                .await?;
        }
        Ok(gone.len())
    }

    async fn stemcells(&self) -> Result<usize, Error> {
        let used = self.used(Reference::Stemcell).await?;
        let rows = stemcells::list(self.engine.store.pool()).await?;
        let rows = rows.iter().map(|row| Row {
            name: &row.name,
            version: &row.version,
            is_used: used.contains(&row.id),
        });
        let gone = unused::surplus(rows, unused::kept(self.remove_all));
        let stage = Stage::new(self.task, "Deleting stemcells", gone.len(), &[]);
        for (name, version) in &gone {
            self.task.check()?;
            stage
                .run(&format!("{name}/{version}"), |_| {
                    delete_stemcell::run(self.engine, self.task, name, version, false)
                })
                .await?;
        }
        Ok(gone.len())
    }

    /// Compiled packages of whose stemcell line there is none left.
    async fn compiled(&self) -> Result<usize, Error> {
        let pool = self.engine.store.pool();
        let lines: BTreeSet<(String, String)> = stemcells::list(pool)
            .await?
            .into_iter()
            .map(|row| unused::line(&row.operating_system, &row.version))
            .collect();
        let mut extra = BTreeMap::new();
        for version in releases::list(pool).await? {
            let packages = packages::of_version(pool, version.id).await?;
            for row in compiled_packages::of_version(pool, version.id).await? {
                if !lines.contains(&unused::line(&row.stemcell_os, &row.stemcell_version)) {
                    let package = packages.iter().find(|one| one.id == row.package_id);
                    let name = package.map_or_else(String::new, |one| one.name.clone());
                    extra.insert(row.id, (name, row));
                }
            }
        }
        let stage = Stage::new(self.task, "Deleting compiled packages", extra.len(), &[]);
        for (id, (name, row)) in &extra {
            self.task.check()?;
            let on = format!("{}/{}", row.stemcell_os, row.stemcell_version);
            stage
                .run(&format!("{name} for {on}"), |_| async {
                    self.engine.blobs.delete(&row.blobstore_id).await?;
                    Ok(compiled_packages::delete(pool, *id).await?)
                })
                .await?;
        }
        Ok(extra.len())
    }

    async fn disks(&self) -> Result<usize, Error> {
        let all = disks::orphans(self.engine.store.pool()).await?;
        let stage = Stage::new(self.task, "Deleting orphaned disks", all.len(), &[]);
        for one in &all {
            self.task.check()?;
            stage
                .run(&one.disk_cid, |_| {
                    disk::delete_orphan(self.engine, self.task, one)
                })
                .await?;
        }
        Ok(all.len())
    }

    async fn exported(&self) -> Result<usize, Error> {
        let pool = self.engine.store.pool();
        let mut all = blobs::before(pool, now() + 1).await?;
        all.retain(|one| one.kind == "exported-release");
        let stage = Stage::new(self.task, "Deleting exported releases", all.len(), &[]);
        for one in &all {
            stage
                .run(&one.blobstore_id, |_| async {
                    self.engine.blobs.delete(&one.blobstore_id).await?;
                    Ok(blobs::forget(pool, one.id).await?)
                })
                .await?;
        }
        Ok(all.len())
    }

    /// Old versions of all names: one step, however many there are.
    async fn names(&self) -> Result<usize, Error> {
        let pool = self.engine.store.pool();
        let has_deployments = !deployments::list(pool).await?.is_empty();
        let stage = Stage::new(self.task, "Deleting dns blobs", 1, &[]);
        stage
            .run("DNS blobs", |_| async {
                let names = Names::new(self.remove_all, has_deployments);
                let all = dns::published(pool).await?;
                let old = names.old(all, now(), |one| (one.id, one.created_at));
                for one in &old {
                    self.engine.blobs.delete(&one.blobstore_id).await?;
                    dns::forget_version(pool, one.id).await?;
                }
                Ok(old.len())
            })
            .await
    }
}
