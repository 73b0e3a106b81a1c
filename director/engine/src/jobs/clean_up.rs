//! `clean up`: what nothing uses any more.
//!
//! Without `remove_all` the two newest unused versions of each release and stemcell stay, and so do
//! orphaned disks and compiled packages. Source: reference of the deploy engine, section 19.

use std::collections::{BTreeMap, BTreeSet};

use warren_director_plan::versions;
use warren_director_store::deployments::{self, Reference};
use warren_director_store::ips::Owner;
use warren_director_store::{
    blobs, compiled_packages, disks, dns, ips, now, orphaned_vms, releases, stemcells,
};

use super::{delete_release, delete_stemcell, disk};
use crate::cpis::Cpis;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, lock};

/// How many versions that nothing uses are kept.
const KEPT: usize = 2;
/// How many blobs of names are kept, and for how long the others are, in seconds.
const NAMES: (usize, i64) = (10, 3600);

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
        kept: if remove_all { 0 } else { KEPT },
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
    kept: usize,
}

impl Cleaning<'_> {
    /// All but the newest of each name, which are kept.
    fn surplus(&self, unused: BTreeMap<String, BTreeSet<String>>) -> Vec<(String, String)> {
        let mut gone = Vec::new();
        for (name, mut left) in unused {
            for _ in 0..self.kept {
                let newest = versions::highest(left.iter().map(String::as_str));
                if let Some(newest) = newest.map(ToOwned::to_owned) {
                    left.remove(&newest);
                }
            }
            gone.extend(left.into_iter().map(|version| (name.clone(), version)));
        }
        gone
    }

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
                .run(&format!("Deleting orphaned vm {}", one.cid), |_| {
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
        let mut unused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in releases::list(self.engine.store.pool()).await? {
            if !used.contains(&row.id) {
                unused.entry(row.name).or_default().insert(row.version);
            }
        }
        let gone = self.surplus(unused);
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
        let mut unused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let rows = stemcells::list(self.engine.store.pool()).await?;
        for row in &rows {
            let mut same = rows
                .iter()
                .filter(|other| other.name == row.name && other.version == row.version);
            if same.all(|other| !used.contains(&other.id)) {
                let versions = unused.entry(row.name.clone()).or_default();
                versions.insert(row.version.clone());
            }
        }
        let gone = self.surplus(unused);
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
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        let lines: BTreeSet<(String, String)> = stemcells::list(pool)
            .await?
            .into_iter()
            .map(|row| (row.operating_system, major(&row.version)))
            .collect();
        let mut extra = BTreeMap::new();
        for version in releases::list(pool).await? {
            for row in compiled_packages::of_version(pool, version.id).await? {
                let line = (row.stemcell_os.clone(), major(&row.stemcell_version));
                if !lines.contains(&line) {
                    extra.insert(row.id, row);
                }
            }
        }
        let stage = Stage::new(
            self.task,
            "Deleting extra compiled packages",
            extra.len(),
            &[],
        );
        for (id, row) in &extra {
            self.task.check()?;
            let on = format!("{}/{}", row.stemcell_os, row.stemcell_version);
            stage
                .run(&format!("{} for {on}", row.blobstore_id), |_| async {
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
            let title = format!("Deleting orphaned disk {}", one.disk_cid);
            stage
                .run(&title, |_| disk::delete_orphan(self.engine, self.task, one))
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

    /// Old versions of all names.
    async fn names(&self) -> Result<usize, Error> {
        let pool = self.engine.store.pool();
        let mut all = dns::published(pool).await?;
        all.sort_by_key(|one| std::cmp::Reverse(one.id));
        let (kept, age) = NAMES;
        let old: Vec<dns::Published> = all
            .into_iter()
            .skip(kept)
            .filter(|one| one.created_at < now() - age)
            .collect();
        let stage = Stage::new(self.task, "Deleting dns blobs", old.len(), &[]);
        for one in &old {
            stage
                .run(&one.blobstore_id, |_| async {
                    self.engine.blobs.delete(&one.blobstore_id).await?;
                    Ok(dns::forget_version(pool, one.id).await?)
                })
                .await?;
        }
        Ok(old.len())
    }
}
