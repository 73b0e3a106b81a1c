//! `scan cloud`, `apply resolutions` and `scan and fix`: machines and disks that are not what rows say.
//!
//! ```text
//! scan ── close old problems ── agents (10 s): silent? the CPI knows ── disks ── new problems
//! apply ── for each problem what was chosen for it; then it is resolved, whatever came of it
//! ```
//!
//! Source: reference of the deploy engine, section 18.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use warren_director_store::deployments::Deployment;
use warren_director_store::disks::Disk;
use warren_director_store::instances::Instance;
use warren_director_store::problems::{self, Problem};
use warren_director_store::vms::Vm;
use warren_director_store::{disks, instances, vms};

use super::{resolve, targets};
use crate::cpis::Cpis;
use crate::event_log::Stage;
use crate::many::join_all;
use crate::reach::{self, Reached};
use crate::{Engine, Error, Task, lock};

/// How long an agent may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Looks for problems.
pub async fn scan(engine: &Engine, task: &Task, deployment: &str) -> Result<String, Error> {
    let name = format!("lock:deployment:{deployment}");
    // Somebody waits in front of it: it says at once that it cannot.
    lock::with(task, &name, Duration::ZERO, async {
        let row = targets::deployment(engine, deployment).await?;
        find(engine, task, &row, |_| true).await
    })
    .await?;
    Ok("scan complete".to_owned())
}

/// Carries out what was chosen.
pub async fn apply(
    engine: &Engine,
    task: &Task,
    deployment: &str,
    resolutions: &BTreeMap<String, Option<String>>,
    max_in_flight: &BTreeMap<String, String>,
) -> Result<String, Error> {
    let name = format!("lock:deployment:{deployment}");
    let count = lock::with(task, &name, lock::PATIENCE, async {
        let row = targets::deployment(engine, deployment).await?;
        let mut open = problems::open(engine.store.pool(), row.id).await?;
        open.retain(|problem| resolutions.contains_key(&problem.id.to_string()));
        let chosen = open
            .into_iter()
            .map(|problem| {
                let choice = resolutions.get(&problem.id.to_string()).cloned().flatten();
                (problem, choice)
            })
            .collect();
        resolve::all(engine, task, &row, chosen, max_in_flight).await
    })
    .await?;
    Ok(format!("{count} resolved"))
}

/// Looks for problems of some instances and makes machines anew for those that have none.
pub async fn scan_and_fix(
    engine: &Engine,
    task: &Task,
    deployment: &str,
    jobs: &BTreeMap<String, Vec<String>>,
) -> Result<String, Error> {
    let name = format!("lock:deployment:{deployment}");
    lock::with(task, &name, Duration::ZERO, async {
        let row = targets::deployment(engine, deployment).await?;
        let is_meant = |instance: &Instance| {
            let mut ids = jobs.get(&instance.job).into_iter().flatten();
            ids.any(|id| targets::is(instance, id))
        };
        find(engine, task, &row, is_meant).await?;
        let open = problems::open(engine.store.pool(), row.id).await?;
        let chosen = open
            .into_iter()
            .filter(|problem| matches!(problem.kind.as_str(), "missing_vm" | "unresponsive_agent"))
            .map(|problem| (problem, Some("recreate_vm".to_owned())))
            .collect();
        resolve::all(engine, task, &row, chosen, &BTreeMap::new()).await
    })
    .await?;
    Ok("scan and fix complete".to_owned())
}

/// How a machine is.
enum Found {
    Answers(Vec<String>),
    Silent,
    Missing,
}

async fn find(
    engine: &Engine,
    task: &Task,
    deployment: &Deployment,
    is_meant: impl Fn(&Instance) -> bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    problems::close_all(pool, deployment.id).await?;
    let mut rows = instances::of_deployment(pool, deployment.id).await?;
    rows.retain(|row| !*row.compilation && row.state != "detached" && is_meant(row));
    let mut machines: Vec<(Instance, Vm)> = Vec::new();
    // Those that have none and should.
    let mut without: Vec<Instance> = Vec::new();
    let mut ignored = 0;
    for row in &rows {
        let all = vms::of_instance(pool, row.id).await?;
        match all.into_iter().find(|vm| *vm.active && vm.cid.is_some()) {
            None if !expects_vm(row) => {}
            _ if *row.ignored => ignored += 1,
            Some(vm) => machines.push((row.clone(), vm)),
            None => without.push(row.clone()),
        }
    }
    rows.retain(|row| !*row.ignored);
    let total = machines.len() + without.len() + ignored;
    let stage = Stage::new(task, &format!("Scanning {total} VMs"), 2, &[]);
    let found = stage
        .run("Checking VM states", |_| async {
            let looked = machines
                .iter()
                .map(|(_, vm)| look(engine, task, vm))
                .collect();
            join_all(looked)
                .await
                .into_iter()
                .collect::<Result<Vec<Found>, Error>>()
        })
        .await?;
    let mut counts = [0; 3];
    for ((row, vm), found) in machines.iter().zip(&found) {
        let cid = vm.cid.as_deref().unwrap_or_default();
        let who = format!(
            "VM for '{} ({})' with cloud ID '{cid}'",
            row.name(),
            row.index_number
        );
        let (place, problem) = match found {
            Found::Answers(_) => (0, None),
            Found::Silent => (
                1,
                Some(("unresponsive_agent", format!("{who} is not responding."))),
            ),
            Found::Missing => (2, Some(("missing_vm", format!("{who} missing.")))),
        };
        counts[place] += 1;
        if let Some((kind, description)) = problem {
            add(engine, row, row.id, kind, &json!({}), description).await?;
        }
    }
    for row in &without {
        let description = format!("VM for '{} ({})' missing.", row.name(), row.index_number);
        add(engine, row, row.id, "missing_vm", &json!({}), description).await?;
    }
    let [ok, silent, missing] = counts;
    let missing = missing + without.len();
    let mut summary = format!("{ok} OK, {silent} unresponsive, {missing} missing, 0 unbound");
    if ignored > 0 {
        summary.push_str(&format!(", {ignored} ignored"));
    }
    stage.run(&summary, |_| async { Ok(()) }).await?;
    let mut all = disks::of_deployment(pool, deployment.id).await?;
    all.retain(|disk| rows.iter().any(|row| row.id == disk.instance_id));
    let stage = Stage::new(
        task,
        &format!("Scanning {} persistent disks", all.len()),
        2,
        &[],
    );
    let counts = stage
        .run("Looking for inactive disks", |_| async {
            look_at_disks(engine, task, &rows, &machines, &found, &all).await
        })
        .await?;
    let [ok, missing, inactive, elsewhere] = counts;
    let summary =
        format!("{ok} OK, {missing} missing, {inactive} inactive, {elsewhere} mount-info mismatch");
    stage.run(&summary, |_| async { Ok(()) }).await
}

/// Whether an instance that was made once should have a machine: not one that a deploy has still to make,
/// and not an errand's, which has one only while it runs.
fn expects_vm(row: &Instance) -> bool {
    let spec = row.spec.as_deref();
    let spec = spec.and_then(|spec| serde_json::from_str::<Value>(spec).ok());
    spec.is_some_and(|spec| spec["lifecycle"] != "errand")
}

async fn look(engine: &Engine, task: &Task, vm: &Vm) -> Result<Found, Error> {
    match reach::state(engine, task, vm, Some(PATIENCE)).await? {
        Reached::Silent(_) => Ok(Found::Silent),
        Reached::Gone => Ok(Found::Missing),
        Reached::Says(_) => {
            let agent = engine.bus.agent(&vm.agent_id);
            let listed = agent.run("list_disk", vec![], task).await;
            let mounted = listed
                .ok()
                .and_then(|value| serde_json::from_value(value).ok());
            Ok(Found::Answers(mounted.unwrap_or_default()))
        }
    }
}

async fn look_at_disks(
    engine: &Engine,
    task: &Task,
    rows: &[Instance],
    machines: &[(Instance, Vm)],
    found: &[Found],
    all: &[Disk],
) -> Result<[usize; 4], Error> {
    let mut counts = [0; 4];
    let cpis = Cpis::read(engine, task).await?;
    for disk in all {
        let Some(row) = rows.iter().find(|row| row.id == disk.instance_id) else {
            continue;
        };
        let name = format!("{} ({})", row.name(), row.index_number);
        let cpi = cpis.get(&disk.cpi)?;
        let (count, problem) = if cpi.has_disk(&disk.disk_cid).await? == Some(false) {
            let text = format!(
                "Disk '{}' ({}, {}M) is missing",
                disk.disk_cid,
                row.name(),
                disk.size
            );
            (1, Some(("missing_disk", json!({}), text)))
        } else if !*disk.active {
            let text = format!(
                "Disk '{}' ({}M) for instance '{name}' is inactive",
                disk.disk_cid, disk.size
            );
            (2, Some(("inactive_disk", json!({}), text)))
        } else {
            match mismatch(row, machines, found, disk) {
                Some((data, text)) => (3, Some(("mount_info_mismatch", data, text))),
                None => (0, None),
            }
        };
        counts[count] += 1;
        if let Some((kind, data, description)) = problem {
            add(engine, row, disk.id, kind, &data, description).await?;
        }
    }
    Ok(counts)
}

/// Where a disk is mounted that should be mounted elsewhere: data and text of the problem. Machines that
/// do not answer are passed over, and so are disks that jobs mount themselves.
fn mismatch(
    row: &Instance,
    machines: &[(Instance, Vm)],
    found: &[Found],
    disk: &Disk,
) -> Option<(Value, String)> {
    let place = machines.iter().position(|(other, _)| other.id == row.id)?;
    if !disk.name.is_empty() || !matches!(found[place], Found::Answers(_)) {
        return None;
    }
    let owner = machines[place].1.cid.clone().unwrap_or_default();
    let owners: Vec<String> = machines
        .iter()
        .zip(found)
        .filter(|(_, found)| match found {
            Found::Answers(mounted) => mounted.contains(&disk.disk_cid),
            _ => false,
        })
        .filter_map(|((_, vm), _)| vm.cid.clone())
        .collect();
    if owners == [owner.as_str()] {
        return None;
    }
    let on = match owners.as_slice() {
        [] => "Not mounted in any VM".to_owned(),
        owners => format!("Mounted on: {}", owners.join(", ")),
    };
    let text = format!(
        "Inconsistent mount information:\nRecord shows that disk '{}' should be mounted on {owner}.\nHowever it is currently :\n\t{on}",
        disk.disk_cid
    );
    Some((json!({ "owner_vms": owners }), text))
}

async fn add(
    engine: &Engine,
    row: &Instance,
    resource_id: i64,
    kind: &str,
    data: &Value,
    description: String,
) -> Result<(), Error> {
    let problem = Problem {
        id: 0,
        deployment_id: row.deployment_id,
        state: "open".to_owned(),
        resource_id,
        kind: kind.to_owned(),
        data: data.to_string(),
        description,
        instance_group: row.job.clone(),
    };
    problems::create(engine.store.pool(), &problem).await?;
    Ok(())
}
