//! Names of instances: written, published, told to agents.
//!
//! A version of all names is a blob; agents are told its id, digest and number, and answer `synced`. One
//! that does not is told again later. Nothing is published if nothing changed.

mod aliases;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use warren_director_plan::names::{Record, document};
use warren_director_plan::{Group, InstancePlan, NameIds};
use warren_director_store::dns::{self, Encoded};
use warren_director_store::{aliases as rows, deployments, instances, vms};
use warren_lib_telemetry::{Level, log};

use crate::many::join_all;
use crate::{Engine, Error, Task, signed};

pub(crate) use aliases::{add_aliases, drop_aliases};

/// How long an agent may take for the names.
const PATIENCE: Duration = Duration::from_secs(10);

/// The records that an instance shall have.
fn wanted(
    engine: &Engine,
    deployment: &str,
    group: &Group,
    plan: &InstancePlan,
    row: &instances::Instance,
    vm: Option<&vms::Vm>,
) -> Vec<dns::Record> {
    let links: Vec<_> = group
        .jobs
        .iter()
        .flat_map(|job| &job.provides)
        .map(|(kind, name, _)| json!({"name": name, "type": kind}))
        .collect();
    plan.networks
        .iter()
        .filter_map(|network| {
            let ip = match &network.address {
                Some(address) => address.address.first().to_string(),
                None => match network.settings.get("ip").and_then(Value::as_str) {
                    Some(ip) => ip.to_owned(),
                    None => vm?.dynamic_addresses().remove(&network.name)?,
                },
            };
            Some(dns::Record {
                id: 0,
                ip,
                az: plan.az.clone(),
                instance_group: Some(group.name.clone()),
                network: Some(network.name.clone()),
                deployment: Some(deployment.to_owned()),
                instance_id: Some(row.id),
                agent_id: vm.map(|vm| vm.agent_id.clone()),
                domain: Some(engine.config.domain.clone()),
                links: json!(links).to_string(),
            })
        })
        .collect()
}

/// Whether an instance's names have to be written.
pub(crate) async fn differs(
    engine: &Engine,
    deployment: &str,
    group: &Group,
    plan: &InstancePlan,
    row: &instances::Instance,
    vm: Option<&vms::Vm>,
) -> Result<bool, Error> {
    let all = dns::records(engine.store.pool()).await?;
    let wanted = wanted(engine, deployment, group, plan, row, vm);
    Ok(compare(&all, row.id, &wanted).is_some())
}

/// What is to be removed and added; `None` if nothing is.
fn compare(
    all: &[dns::Record],
    instance: i64,
    wanted: &[dns::Record],
) -> Option<(Vec<i64>, Vec<dns::Record>)> {
    let mine = all
        .iter()
        .filter(|record| record.instance_id == Some(instance));
    let plain = |record: &dns::Record| dns::Record {
        id: 0,
        ..record.clone()
    };
    let gone: Vec<i64> = mine
        .clone()
        .filter(|record| !wanted.contains(&plain(record)))
        .map(|record| record.id)
        .collect();
    let new: Vec<dns::Record> = wanted
        .iter()
        .filter(|record| !mine.clone().any(|old| plain(old) == **record))
        .cloned()
        .collect();
    (!gone.is_empty() || !new.is_empty()).then_some((gone, new))
}

/// Writes the names of an instance; the answer is whether any changed.
pub(crate) async fn write(
    engine: &Engine,
    deployment: &str,
    group: &Group,
    plan: &InstancePlan,
    row: &instances::Instance,
    vm: Option<&vms::Vm>,
) -> Result<bool, Error> {
    let wanted = wanted(engine, deployment, group, plan, row, vm);
    replace(engine, row.id, &wanted).await
}

/// Removes the names of an instance that is about to go.
pub(crate) async fn remove(engine: &Engine, instance: i64) -> Result<bool, Error> {
    replace(engine, instance, &[]).await
}

async fn replace(engine: &Engine, instance: i64, wanted: &[dns::Record]) -> Result<bool, Error> {
    let mut tx = dns::begin(&engine.store).await?;
    let all = dns::records(&mut *tx).await?;
    let Some((gone, new)) = compare(&all, instance, wanted) else {
        return Ok(false);
    };
    for id in &gone {
        dns::delete_record(&mut *tx, *id).await?;
    }
    for record in &new {
        dns::add_record(&mut *tx, record).await?;
    }
    if new.is_empty() {
        // The version is the highest key: it must grow also when names only go.
        dns::add_tombstone(&mut *tx).await?;
    }
    crate::disks::commit(tx).await?;
    Ok(true)
}

/// Publishes the names if they have changed since they last were; the answer is the newest version.
pub(crate) async fn publish(engine: &Engine) -> Result<Option<dns::Published>, Error> {
    let pool = engine.store.pool();
    let all = dns::records(pool).await?;
    let Some(highest) = all.last().map(|record| record.id) else {
        return Ok(None);
    };
    let aliases_version = rows::version(pool).await?;
    if let Some(latest) = dns::latest(pool).await?
        && latest.records_version == highest
        && latest.aliases_version == aliases_version
    {
        return Ok(Some(latest));
    }
    let mut records = Vec::new();
    let mut known: BTreeMap<String, (i64, NameIds)> = BTreeMap::new();
    for deployment in deployments::list(pool).await? {
        known.insert(deployment.name, (deployment.id, NameIds::default()));
    }
    for row in &all {
        if let Some(record) = record(engine, row, &known).await? {
            records.push(record);
        }
    }
    let version = dns::begin_version(pool, highest, aliases_version).await?;
    let aliases = aliases::all(engine).await?;
    let text = document(version, &records, &aliases, false).to_string();
    let stored = engine.blobs.create(text.as_bytes()).await?;
    dns::publish(pool, version, &stored.id, &stored.digest()).await?;
    dns::delete_tombstones(pool).await?;
    Ok(dns::latest(pool).await?)
}

async fn record(
    engine: &Engine,
    row: &dns::Record,
    deployments: &BTreeMap<String, (i64, NameIds)>,
) -> Result<Option<Record>, Error> {
    let pool = engine.store.pool();
    let (Some(group), Some(network), Some(deployment), Some(id)) = (
        &row.instance_group,
        &row.network,
        &row.deployment,
        row.instance_id,
    ) else {
        return Ok(None);
    };
    let Some((deployment_id, _)) = deployments.get(deployment) else {
        return Ok(None);
    };
    let Some(instance) = instances::find(pool, id).await? else {
        return Ok(None);
    };
    let group_of = |kind: &'static str, name: String| async move {
        let what = Encoded::Group {
            kind,
            name: &name,
            deployment_id: *deployment_id,
        };
        dns::encode(pool, what).await
    };
    let mut group_ids = vec![group_of("instance-group", group.clone()).await?];
    let links: Vec<BTreeMap<String, String>> = serde_json::from_str(&row.links).unwrap_or_default();
    for link in links {
        let text = |key: &str| link.get(key).cloned().unwrap_or_default();
        group_ids.push(group_of("link", format!("{}-{}", text("name"), text("type"))).await?);
    }
    let az = match &row.az {
        Some(az) => Some((az.clone(), dns::encode(pool, Encoded::Az(az)).await?)),
        None => None,
    };
    Ok(Some(Record {
        ip: row.ip.clone(),
        uuid: instance.uuid,
        instance: id,
        group: group.clone(),
        group_ids,
        az,
        network: (
            network.clone(),
            dns::encode(pool, Encoded::Network(network)).await?,
        ),
        deployment: deployment.clone(),
        domain: row.domain.clone().unwrap_or_default(),
        agent_id: row.agent_id.clone(),
        index: instance.index_number,
    }))
}

/// Tells the newest names to all agents that have older ones. An agent that does not answer, or that
/// did not a moment ago, is told later, by the next who publishes or by [`keep_agents_told`].
pub(crate) async fn broadcast(engine: &Engine, task: &Task) -> Result<(), Error> {
    for (agent, error) in sync(engine, |agent| !engine.silent().has(agent)).await? {
        task.log(&format!(
            "agent {agent} has not taken the names: {}",
            error.story()
        ));
    }
    Ok(())
}

/// How often agents are looked for that have not taken the newest names.
const LOOK: Duration = Duration::from_secs(10);
/// The longest pause when agents do not answer, for these may be gone for good.
const LONGEST: Duration = Duration::from_secs(60);

/// Tells the newest names to agents that are new, or that did not take them when a task told them,
/// until `stop` is ready.
pub async fn keep_agents_told(engine: Engine, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut pause = LOOK;
    loop {
        let told = tokio::select! {
            () = &mut stop => return,
            told = sync(&engine, |_| true) => told,
        };
        pause = match told {
            Ok(deaf) if deaf.is_empty() => LOOK,
            Ok(deaf) => {
                let fields = [
                    ("agents", json!(deaf.len())),
                    ("again_in_s", json!(pause.as_secs())),
                ];
                log::line(Level::Warn, "names_not_taken", &fields);
                (pause * 2).min(LONGEST)
            }
            Err(error) => {
                log::line(
                    Level::Warn,
                    "names_not_told",
                    &[("error", json!(error.story()))],
                );
                (pause * 2).min(LONGEST)
            }
        };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Tells the newest names to all of these agents that have older ones; the answer is those that have
/// not taken them, with the reason.
async fn sync(
    engine: &Engine,
    is_meant: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Error)>, Error> {
    let Some(latest) = publish(engine).await? else {
        return Ok(Vec::new());
    };
    let mut stale = dns::stale_agents(engine.store.pool(), latest.id).await?;
    stale.retain(|agent| is_meant(agent));
    if stale.is_empty() {
        return Ok(Vec::new());
    }
    let machines = vms::list(engine.store.pool()).await?.into_iter();
    let machines: BTreeMap<String, vms::Vm> = machines
        .map(|machine| (machine.agent_id.clone(), machine))
        .collect();
    let turns = tokio::sync::Semaphore::new(engine.config.max_threads.max(1));
    let (turns, latest, machines) = (&turns, &latest, &machines);
    let all = stale.iter().map(|agent| async move {
        let _turn = turns.acquire().await;
        tell(engine, agent, machines.get(agent), latest).await
    });
    let told = join_all(all.collect()).await;
    Ok(stale
        .iter()
        .zip(told)
        .filter_map(|(agent, told)| Some((agent.clone(), told.err()?)))
        .collect())
}

async fn tell(
    engine: &Engine,
    agent: &str,
    machine: Option<&vms::Vm>,
    latest: &dns::Published,
) -> Result<(), Error> {
    let (blob, digest, version) = (&latest.blobstore_id, &latest.sha1, latest.id);
    let (method, arguments) = match machine.and_then(|machine| signed::urls(engine, machine)) {
        Some(urls) => {
            let url = urls.to_get(blob);
            let argument = json!({"signed_url": url, "multi_digest": digest, "version": version});
            ("sync_dns_with_signed_url", vec![argument])
        }
        None => ("sync_dns", vec![json!(blob), json!(digest), json!(version)]),
    };
    let answer = engine
        .bus
        .agent(agent)
        .ask(method, arguments, PATIENCE)
        .await;
    match &answer {
        Err(error) if error.is_timeout() => engine.silent().add(agent),
        _ => engine.silent().remove(agent),
    }
    let answer = answer?;
    if answer.as_str() != Some("synced") {
        return Err(Error::refused(100, format!("it answered {answer}")));
    }
    Ok(dns::set_agent_version(engine.store.pool(), agent, latest.id).await?)
}
