//! `start|stop|restart|recreate instance`: one instance, as the last deploy wanted it, and no other.

use tokio::sync::Mutex;
use warren_director_store::work::{Deploy, InstanceAction, StateChange};
use warren_director_store::{deployments, instances, variables as sets};
use warren_wire_manifest::deployment::Lifecycle;

use super::planning::{DeployTask, Scope};
use super::targets;
use crate::event_log::Stage;
use crate::variables::Variables;
use crate::{Engine, Error, Task, lock};

/// How an instance is changed.
pub(super) struct How<'a> {
    /// Held while it is planned, if several are changed at once.
    pub(super) turn: Option<&'a Mutex<()>>,
    /// Whether its jobs are waited for.
    pub(super) waits: bool,
    /// Whether its agent is known not to answer.
    pub(super) silent: bool,
}

/// Changes the state of an instance.
pub async fn run(engine: &Engine, task: &Task, wanted: &InstanceAction) -> Result<String, Error> {
    let name = format!("lock:deployment:{}", wanted.deployment);
    let how = How {
        turn: None,
        waits: true,
        silent: false,
    };
    lock::with(task, &name, lock::PATIENCE, act(engine, task, wanted, how)).await
}

/// What a deployment was last deployed with, as if it were asked for again.
pub async fn again(engine: &Engine, name: &str) -> Result<Deploy, Error> {
    let mut deploy = Deploy {
        deployment: name.to_owned(),
        ..Deploy::default()
    };
    for used in deployments::configs(engine.store.pool()).await? {
        if used.deployment != name {
            continue;
        }
        match used.kind.as_str() {
            "cloud" => deploy.cloud_configs.push(used.config_id),
            "runtime" => deploy.runtime_configs.push(used.config_id),
            _ => {}
        }
    }
    Ok(deploy)
}

/// The variables that a deployment was last deployed with.
pub async fn variables(
    engine: &Engine,
    deployment: &deployments::Deployment,
) -> Result<Variables, Error> {
    let pool = engine.store.pool();
    let set = match sets::latest_set(pool, deployment.id, true).await? {
        Some(set) => set.id,
        None => sets::create_set(pool, deployment.id).await?,
    };
    let director = &engine.config.name;
    Ok(Variables::new(
        &engine.store,
        director,
        &deployment.name,
        set,
        false,
    ))
}

/// As [`run`], by who has the deployment's lock already.
pub(super) async fn act(
    engine: &Engine,
    task: &Task,
    wanted: &InstanceAction,
    how: How<'_>,
) -> Result<String, Error> {
    let row = targets::deployment(engine, &wanted.deployment).await?;
    let rows = instances::of_deployment(engine.store.pool(), row.id).await?;
    let target = rows
        .into_iter()
        .find(|one| one.job == wanted.job && targets::is(one, &wanted.id))
        .ok_or_else(|| {
            Error::refused(
                70_001,
                format!(
                    "Instance '{}/{}/{}' doesn't exist",
                    wanted.deployment, wanted.job, wanted.id
                ),
            )
        })?;
    if *target.ignored {
        return Err(Error::refused(
            190_020,
            format!(
                "You are trying to change the state of the ignored instance '{}'. This operation is not allowed. You need to unignore it first.",
                target.name()
            ),
        ));
    }
    let state = match (wanted.action.as_str(), wanted.hard) {
        ("start", _) => "started",
        ("stop", false) => "stopped",
        ("stop", true) => "detached",
        ("restart", _) => "restart",
        ("recreate", _) => "recreate",
        (other, _) => return Err(Error::refused(40_005, format!("Unknown action '{other}'"))),
    };
    let mut deploy = again(engine, &wanted.deployment).await?;
    deploy.fix = wanted.ignore_unresponsive_agent;
    deploy.skip_drain = Some(wanted.job.clone())
        .filter(|_| wanted.skip_drain)
        .into_iter()
        .collect();
    deploy.change = Some(StateChange {
        state: state.to_owned(),
        job: Some(wanted.job.clone()),
        id: Some(target.uuid.clone()),
    });
    let variables = variables(engine, &row).await?;
    let planned = DeployTask {
        engine,
        task,
        wanted: &deploy,
        row,
        variables,
        scope: Scope::Instance(target.uuid.clone()),
        waits: how.waits,
        silent: how.silent,
    };
    let ready = {
        let _turn = match how.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        planned.get_ready().await?
    };
    let Some(mut ready) = ready else {
        return Ok(target.name());
    };
    ready.decided.changes.retain(|uuid, _| *uuid == target.uuid);
    let found = ready.draft.groups.iter().find_map(|group| {
        let mut all = group.instances.iter();
        Some((group, all.find(|plan| plan.uuid == target.uuid)?))
    });
    let Some((group, plan)) = found else {
        return Err(Error::refused(
            70_001,
            format!(
                "Instance '{}' is not in the manifest any more",
                target.name()
            ),
        ));
    };
    if group.lifecycle == Lifecycle::Errand {
        return Err(Error::refused(
            90_000,
            format!(
                "Isolated actions are not for errands: '{}' is one",
                group.name
            ),
        ));
    }
    let changes = ready.decided.changes.get(&target.uuid);
    if changes.is_none_or(Vec::is_empty) {
        // It is as it shall be.
        return Ok(target.name());
    }
    let (known, draft, decided) = (&ready.known, &ready.draft, &ready.decided);
    let made = planned.create_missing(known, draft, decided).await?;
    let stage = format!("Updating instance {}", plan.title(&group.name));
    let stage = Stage::new(task, &stage, 1, &[]);
    let watch = (group.update.update_watch_time, false);
    planned
        .update_instance(known, group, plan, decided, &made, stage, watch)
        .await?;
    Ok(target.name())
}
