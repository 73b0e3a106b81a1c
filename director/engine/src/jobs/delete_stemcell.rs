//! `delete stemcell: NAME/VERSION`: from every CPI that has it, unless a deployment uses it.
//!
//! ```text
//! there ─── one transaction: nobody uses it ──► going ─── CPI, row ──► gone
//!                                                 └─ failed, cancelled ─► uploaded or deleted again
//! ```
//!
//! One that is going is used by no deployment, and the next upload brings it anew.

use std::collections::BTreeSet;

use warren_director_store::deployments::{self, Reference};
use warren_director_store::{Db, stemcells};

use crate::cpis::Cpis;
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, lock};

/// Deletes a stemcell.
pub async fn run(
    engine: &Engine,
    task: &Task,
    name: &str,
    version: &str,
    force: bool,
) -> Result<String, Error> {
    lock::with(
        task,
        &format!("lock:stemcells:{name}:{version}"),
        lock::PATIENCE,
        delete(engine, task, name, version, force),
    )
    .await?;
    Ok(format!("/stemcells/{name}/{version}"))
}

/// The names of deployments that use one of `ids`, each once.
pub async fn users<'c>(db: impl Db<'c>, what: Reference, ids: &[i64]) -> Result<String, Error> {
    let uses = deployments::uses(db, what).await?;
    let names: BTreeSet<String> = uses
        .into_iter()
        .filter(|one| ids.contains(&one.id))
        .map(|one| one.deployment)
        .collect();
    Ok(names.into_iter().collect::<Vec<_>>().join(", "))
}

async fn delete(
    engine: &Engine,
    task: &Task,
    name: &str,
    version: &str,
    force: bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let mut rows = stemcells::list(pool).await?;
    rows.retain(|row| row.name == name && row.version == version);
    if rows.is_empty() {
        return Err(Error::refused(
            50_003,
            format!("Stemcell '{name}/{version}' doesn't exist"),
        ));
    }
    let mut ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    // Before any CPI is asked, and so that no deployment gets to use it between the two.
    let mut tx = engine.store.begin().await?;
    for id in &ids {
        stemcells::set_going(&mut *tx, *id).await?;
    }
    let users = users(&mut *tx, Reference::Stemcell, &ids).await?;
    if !users.is_empty() {
        return Err(Error::refused(
            50_004,
            format!("Stemcell '{name}/{version}' is still in use by: {users}"),
        ));
    }
    stemcells::forget_uploads(&mut *tx, name, version).await?;
    commit(tx).await?;
    let cpis = Cpis::read(engine, task).await?;
    for row in rows {
        task.check()?;
        let stage = Stage::new(task, "Deleting stemcell from cloud", 1, &[]);
        let deleted = stage
            .run("Delete stemcell", |_| async {
                Ok(cpis.get(&row.cpi)?.delete_stemcell(&row.cid).await?)
            })
            .await;
        match deleted {
            Err(error) if force => task.log(&format!("{}, which is ignored", error.story())),
            done => done?,
        }
        stemcells::delete(pool, row.id).await?;
    }
    Ok(())
}
