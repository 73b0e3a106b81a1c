//! `delete deployment NAME`: machines, then disks (kept for a while), then rows.

use warren_director_plan::links::Links;
use warren_director_store::{deployments, disks, instances, ips, vms};

use crate::event_log::Stage;
use crate::task::Event;
use crate::{Engine, Error, Task, compile, disks as steps, dns, lock, many, vm};

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
    compile::sweep(engine, task, deployment.id).await?;
    let rows = instances::of_deployment(engine.store.pool(), deployment.id).await?;
    let stage = Stage::new(task, "Deleting instances", rows.len(), &[]);
    many::each(rows, engine.config.max_threads, |row| {
        let stage = stage.clone();
        async move {
            let title = format!("{} ({})", row.name(), row.index_number);
            stage
                .run(&title, |_| delete_instance(engine, task, &row, force))
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

/// Deletes an instance: its machine, its names, its addresses; its disks are kept for a while.
pub async fn delete_instance(
    engine: &Engine,
    task: &Task,
    row: &instances::Instance,
    force: bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let name = row.name();
    let begun = task
        .event(Event {
            action: "delete",
            object_type: "instance",
            object_name: Some(&name),
            instance: Some(&name),
            ..Event::default()
        })
        .await?;
    let done = async {
        for machine in vms::of_instance(pool, row.id).await? {
            task.check()?;
            let gone = async {
                end_jobs(engine, task, &machine).await;
                vm::delete(engine, task, &machine, &name).await
            };
            match gone.await {
                Err(error) if force => {
                    task.log(&format!("{name}: {}, which is ignored", error.story()));
                    ips::unbind_vm(pool, machine.id).await?;
                    vms::delete(pool, machine.id).await?;
                }
                done => done?,
            }
        }
        for disk in disks::of_instance(pool, row.id).await? {
            steps::orphan(engine, task, row, &disk).await?;
        }
        dns::remove(engine, row.id).await?;
        ips::release_all(pool, ips::Owner::Instance(row.id)).await?;
        instances::delete(pool, row.id).await?;
        Ok(())
    }
    .await;
    let error = done.as_ref().err().map(Error::story);
    task.event(Event {
        parent: Some(begun),
        action: "delete",
        object_type: "instance",
        object_name: Some(&name),
        error: error.as_deref(),
        instance: Some(&name),
        ..Event::default()
    })
    .await?;
    done
}

/// Lets jobs end in order, if their agent answers at all; the machine goes anyway.
async fn end_jobs(engine: &Engine, task: &Task, machine: &vms::Vm) {
    use serde_json::{Map, json};
    let agent = engine.bus.agent(&machine.agent_id);
    let patience = std::time::Duration::from_secs(5);
    if machine.cid.is_none() || agent.get_state(false, Some(patience)).await.is_err() {
        return;
    }
    let mut options = Map::new();
    options.insert(
        "env".into(),
        json!({
            "BOSH_VM_NEXT_STATE": "delete",
            "BOSH_INSTANCE_NEXT_STATE": "delete",
            "BOSH_DEPLOYMENT_NEXT_STATE": "delete",
        }),
    );
    let ended = async {
        agent.run_script("pre-stop", options, task).await?;
        agent
            .run("drain", vec![json!("shutdown"), json!({})], task)
            .await?;
        agent.stop(task).await?;
        agent.run_script("post-stop", Map::new(), task).await?;
        for cid in agent
            .run("list_disk", vec![], task)
            .await?
            .as_array()
            .into_iter()
            .flatten()
        {
            agent.run("unmount_disk", vec![cid.clone()], task).await?;
        }
        Ok::<(), warren_director_bus::Error>(())
    };
    if let Err(error) = ended.await {
        task.log(&format!(
            "{}: {}",
            machine.agent_id,
            warren_lib_errchain::chain(&error)
        ));
    }
}
