//! `delete deployment NAME`: machines, then disks (kept for a while), then rows.

use warren_director_plan::links::Links;
use warren_director_store::{deployments, instances};

use super::delete_instance::{Deletion, run as delete_instance};
use crate::event_log::Stage;
use crate::task::Event;
use crate::{Engine, Error, Task, compile, disks as steps, dns, lock, many};

/// Deletes a deployment; one that is not there is deleted.
pub async fn run(engine: &Engine, task: &Task, name: &str, force: bool) -> Result<String, Error> {
    let result = format!("/deployments/{name}");
    lock::with(
        task,
        &format!("lock:deployment:{name}"),
        lock::PATIENCE,
        async {
            let Some(deployment) = deployments::find(engine.store.pool(), name).await? else {
                return Ok(());
            };
            let begun = record(task, name, None, None).await?;
            let done = delete(engine, task, &deployment, force).await;
            let error = done.as_ref().err().map(Error::story);
            record(task, name, Some(begun), error.as_deref()).await?;
            done
        },
    )
    .await?;
    Ok(result)
}

async fn record(
    task: &Task,
    name: &str,
    parent: Option<i64>,
    error: Option<&str>,
) -> Result<i64, Error> {
    task.event(Event {
        parent,
        action: "delete",
        object_type: "deployment",
        object_name: Some(name),
        error,
        ..Event::default()
    })
    .await
}

async fn delete(
    engine: &Engine,
    task: &Task,
    deployment: &deployments::Deployment,
    force: bool,
) -> Result<(), Error> {
    let rows = instances::of_deployment(engine.store.pool(), deployment.id).await?;
    if rows.iter().any(|row| *row.ignored) {
        return Err(Error::refused(
            190_021,
            format!(
                "You are trying to delete deployment '{}', which contains ignored instance(s). Operation not allowed.",
                deployment.name
            ),
        ));
    }
    compile::sweep(engine, task, deployment.id, force).await?;
    let rows = instances::of_deployment(engine.store.pool(), deployment.id).await?;
    let stage = Stage::new(task, "Deleting instances", rows.len(), &[]);
    let how = Deletion {
        force,
        skip_drain: false,
        of_deployment: true,
    };
    many::each(rows, engine.config.max_threads, |row| {
        let stage = stage.clone();
        async move {
            let title = format!("{} ({})", row.name(), row.index_number);
            stage
                .run(&title, |_| delete_instance(engine, task, &row, how))
                .await
        }
    })
    .await?;
    dns::drop_aliases(engine, task, deployment.id, &Links::default()).await?;
    dns::publish(engine).await?;
    let stage = Stage::new(task, "Removing deployment artifacts", 2, &[]);
    for (title, what) in [
        ("Detaching stemcells", deployments::Reference::Stemcell),
        ("Detaching releases", deployments::Reference::ReleaseVersion),
    ] {
        stage
            .run(title, |_| async {
                let mut tx = engine.store.begin().await?;
                deployments::refer_only(&mut tx, deployment.id, what, &[]).await?;
                steps::commit(tx).await
            })
            .await?;
    }
    let stage = Stage::new(task, "Deleting properties", 2, &[]);
    stage
        .run("Deleting dynamic disks", |_| {
            super::dynamic_disks::delete_of(engine, task, deployment, force)
        })
        .await?;
    stage
        .run("Destroying deployment", |_| async {
            let mut tx = engine.store.begin().await?;
            deployments::delete(&mut tx, deployment.id).await?;
            steps::commit(tx).await
        })
        .await
}
