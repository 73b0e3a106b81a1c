//! `delete release: NAME`: rows and blobs of all versions, or of one as far as no other needs them.
//!
//! ```text
//! complete ─── one transaction: nobody uses it ──► not complete ─── packages, jobs, rows ──► gone
//!                                                       └─ failed, cancelled ─► uploaded or deleted again
//! ```
//!
//! A version that is not complete is used by no deployment, and the next upload brings what is missing.

use std::time::Duration;

use warren_director_store::compiled_packages;
use warren_director_store::deployments::Reference;
use warren_director_store::packages::{self, Package};
use warren_director_store::releases::{self, ReleaseVersion};
use warren_director_store::templates::{self, Template};

use super::delete_stemcell::users;
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, lock};

/// How long another task with the release is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// Deletes a release, or one version of it.
pub async fn run(
    engine: &Engine,
    task: &Task,
    name: &str,
    version: Option<&str>,
    force: bool,
) -> Result<String, Error> {
    lock::with(
        task,
        &format!("lock:release:{name}"),
        PATIENCE,
        delete(engine, task, name, version, force),
    )
    .await?;
    Ok(format!("/release/{name}"))
}

async fn delete(
    engine: &Engine,
    task: &Task,
    name: &str,
    version: Option<&str>,
    force: bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let release = releases::find(pool, name)
        .await?
        .ok_or_else(|| Error::refused(30_005, format!("Release '{name}' doesn't exist")))?;
    let all = releases::versions(pool, name).await?;
    let gone: Vec<ReleaseVersion> = match version {
        None => all.clone(),
        Some(version) => {
            let mut rows = all.clone();
            rows.retain(|row| row.version == version);
            if rows.is_empty() {
                return Err(Error::refused(
                    30_006,
                    format!("Release version '{name}/{version}' doesn't exist"),
                ));
            }
            rows
        }
    };
    let ids: Vec<i64> = gone.iter().map(|row| row.id).collect();
    // Before anything else is touched, and so that no deployment gets to use it between the two.
    let mut tx = engine.store.begin().await?;
    for id in &ids {
        releases::set_completed(&mut *tx, *id, false).await?;
    }
    let users = users(&mut *tx, Reference::ReleaseVersion, &ids).await?;
    if !users.is_empty() {
        return Err(match version {
            None => Error::refused(
                30_007,
                format!("Release '{name}' is still in use by: {users}"),
            ),
            Some(version) => Error::refused(
                30_008,
                format!("ReleaseVersion '{name}/{version}' is still in use by: {users}"),
            ),
        });
    }
    commit(tx).await?;
    // What only the versions that go have: found by asking what is left when they are gone, in a
    // transaction that is given up. Rows go after blobs, so that a failure leaves something to repeat.
    let mut tx = engine.store.begin().await?;
    for row in &gone {
        releases::delete_version(&mut *tx, row.id).await?;
    }
    let unused_packages = packages::unused(&mut *tx, release.id).await?;
    let unused_jobs = templates::unused(&mut *tx, release.id).await?;
    tx.rollback()
        .await
        .map_err(|error| Error::other("give up a change", error))?;
    let deleting = Deleting {
        engine,
        task,
        force,
    };
    deleting.packages(unused_packages).await?;
    deleting.jobs(unused_jobs).await?;
    let stage = Stage::new(task, "Deleting release versions", gone.len(), &[]);
    for row in &gone {
        stage
            .run(&format!("{name}/{}", row.version), |_| async {
                Ok(releases::delete_version(pool, row.id).await?)
            })
            .await?;
    }
    if gone.len() == all.len() {
        releases::delete(pool, release.id).await?;
    }
    Ok(())
}

struct Deleting<'a> {
    engine: &'a Engine,
    task: &'a Task,
    force: bool,
}

impl Deleting<'_> {
    async fn packages(&self, all: Vec<Package>) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        let stage = Stage::new(self.task, "Deleting packages", all.len(), &[]);
        for package in all {
            self.task.check()?;
            stage
                .run(
                    &format!("{}/{}", package.name, package.version),
                    |_| async {
                        for one in compiled_packages::of_package(pool, package.id).await? {
                            self.blob(&one.blobstore_id).await?;
                            compiled_packages::delete(pool, one.id).await?;
                        }
                        if let Some(blob) = &package.blobstore_id {
                            self.blob(blob).await?;
                        }
                        Ok(packages::delete(pool, package.id).await?)
                    },
                )
                .await?;
        }
        Ok(())
    }

    async fn jobs(&self, all: Vec<Template>) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        let stage = Stage::new(self.task, "Deleting jobs", all.len(), &[]);
        for job in all {
            self.task.check()?;
            stage
                .run(&format!("{}/{}", job.name, job.version), |_| async {
                    self.blob(&job.blobstore_id).await?;
                    Ok(templates::delete(pool, job.id).await?)
                })
                .await?;
        }
        Ok(())
    }

    async fn blob(&self, id: &str) -> Result<(), Error> {
        match self.engine.blobs.delete(id).await {
            Err(error) if self.force => {
                let story = warren_lib_errchain::chain(&error);
                self.task.log(&format!("{story}, which is ignored"));
                Ok(())
            }
            done => Ok(done.map(drop)?),
        }
    }
}
