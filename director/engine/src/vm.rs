//! Machines: made, found to answer, deleted.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use warren_director_cpi::{Networks, NewVm};
use warren_director_plan::{Group, Input, InstancePlan, Reservation, names, spec};
use warren_director_store::intents::{self, Kind};
use warren_director_store::vms::{self, Vm};
use warren_director_store::{Flag, agent_tasks, instances, ips, uuid};

use crate::fingerprints::{Fingerprints, differs};
use crate::task::{Event, rfc3339};
use crate::variables::Variables;
use crate::{Engine, Error, Task, certificates, disks, intent, lock, lost, signed};

/// How often a machine is tried if the CPI says that it may help.
const TRIES: u32 = 5;
/// How long it is left alone after the first try; each time twice as long.
const PAUSE: Duration = Duration::from_millis(300);

/// What a machine is made of.
pub struct Wanted<'a> {
    /// What the plan follows from.
    pub input: &'a Input<'a>,
    /// The instance's group.
    pub group: &'a Group,
    /// The instance.
    pub plan: &'a InstancePlan,
    /// Its row.
    pub row: &'a instances::Instance,
    /// Disks that it will get.
    pub disk_cids: Vec<String>,
    /// Variables of the deploy.
    pub variables: &'a Variables,
    /// Whether it counts at once, or takes another's place later.
    pub active: bool,
}

/// Makes a machine and waits until its agent answers and knows who it is. The answer is its row.
///
/// A machine that never answers is deleted again, and the error says what its agent wrote last.
pub async fn create(engine: &Engine, task: &Task, wanted: &Wanted<'_>) -> Result<Vm, Error> {
    let name = wanted.row.name();
    let begun = task
        .event(Event {
            action: "create",
            object_type: "vm",
            instance: Some(&name),
            ..Event::default()
        })
        .await?;
    let made = make(engine, task, wanted).await;
    let error = made.as_ref().err().map(Error::story);
    task.event(Event {
        parent: Some(begun),
        action: "create",
        object_type: "vm",
        object_name: made.as_ref().ok().and_then(|vm| vm.cid.as_deref()),
        error: error.as_deref(),
        instance: Some(&name),
        ..Event::default()
    })
    .await?;
    made
}

async fn make(engine: &Engine, task: &Task, wanted: &Wanted<'_>) -> Result<Vm, Error> {
    let mut vm = row(engine, wanted).await?;
    // The agent's user is there before the agent is.
    engine.write_users().await?;
    let made = match ask_cpi(engine, task, wanted, &mut vm).await {
        Ok(()) => settle(engine, task, wanted, &mut vm).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(()) => Ok(vm),
        Err(error) => {
            let error = with_log(engine, task, &vm, error).await;
            if !engine.config.keep_unreachable_vms {
                // What is wrong with the machine is the error that counts.
                if let Err(second) = remove(engine, task, &vm, &wanted.row.name()).await {
                    task.log(&format!("cannot delete it again: {}", second.story()));
                }
            }
            Err(error)
        }
    }
}

async fn row(engine: &Engine, wanted: &Wanted<'_>) -> Result<Vm, Error> {
    let agent_id = uuid::new();
    let mut vm = vms::create(
        engine.store.pool(),
        wanted.row.id,
        &agent_id,
        &wanted.plan.cpi,
    )
    .await?;
    let stemcell = &wanted.input.stemcells[wanted.group.stemcell];
    vm.stemcell_name = Some(stemcell.name.clone());
    vm.stemcell_version = Some(stemcell.version.clone());
    vm.stemcell_api_version = stemcell.api_version;
    vm.env = Some(Value::Object(wanted.group.env.clone()).to_string());
    vm.network_spec = Some(Value::Object(spec::networks(wanted.plan)).to_string());
    Fingerprints::of(&engine.config, vm.stemcell_api_version).set_made(&mut vm);
    Ok(vm)
}

async fn ask_cpi(
    engine: &Engine,
    task: &Task,
    wanted: &Wanted<'_>,
    vm: &mut Vm,
) -> Result<(), Error> {
    let cpi = engine.cpi_named(task, &wanted.plan.cpi).await?;
    let stemcell = &wanted.input.stemcells[wanted.group.stemcell];
    let stemcell_cid = stemcell.cids.get(&wanted.plan.cpi).ok_or_else(|| {
        Error::refused(
            50_003,
            format!(
                "Stemcell '{}/{}' is not on CPI '{}': upload it again",
                stemcell.name, stemcell.version, wanted.plan.cpi
            ),
        )
    })?;
    let networks = Value::Object(spec::networks(wanted.plan));
    let resolved = wanted
        .variables
        .resolve(&[
            &Value::Object(wanted.plan.cloud_properties.clone()),
            &networks,
            &Value::Object(wanted.group.env.clone()),
        ])
        .await?;
    let object = |at: usize| resolved[at].as_object().cloned().unwrap_or_default();
    let cloud_properties = object(0);
    let networks: Networks = serde_json::from_value(resolved[1].clone())
        .map_err(|error| Error::other("describe the networks of a machine", error))?;
    // As the plan has them: secrets are in no row.
    let planned = Value::Object(wanted.plan.cloud_properties.clone());
    vm.cloud_properties = Some(planned.to_string());
    vms::save(engine.store.pool(), vm).await?;
    let env = environment(engine, wanted, &vm.agent_id, object(2))?;
    // By which it is found if nobody hears of it.
    let wanted_cid =
        intent::announce(engine, task, Kind::Vm, &wanted.plan.cpi, &vm.agent_id).await?;
    let mut left = TRIES;
    let mut pause = PAUSE;
    let cid = loop {
        task.check()?;
        let new = NewVm {
            wanted: wanted_cid.clone(),
            agent_id: vm.agent_id.clone(),
            stemcell_cid: stemcell_cid.clone(),
            cloud_properties: cloud_properties.clone(),
            networks: networks.clone(),
            disk_cids: wanted.disk_cids.clone(),
            env: env.clone(),
        };
        left -= 1;
        match cpi.create_vm(new, stemcell.api_version).await {
            Ok(cid) => break cid,
            Err(error) if error.ok_to_retry() && left > 0 => {
                task.log(&format!("{error}: tried again"));
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => {
                // A CPI that refuses has made none; of another one nobody knows.
                if error.is_refusal() {
                    intents::delete(engine.store.pool(), &wanted_cid).await?;
                }
                return Err(error.into());
            }
        }
    };
    vm.cid = Some(cid);
    let mut tx = engine.store.begin().await?;
    intents::delete(&mut *tx, &wanted_cid).await?;
    vms::save(&mut *tx, vm).await?;
    disks::commit(tx).await
}

/// `env` of a machine: the director's, the manifest's over it, and who the machine is.
fn environment(
    engine: &Engine,
    wanted: &Wanted<'_>,
    agent_id: &str,
    manifest: Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let mut env = manifest;
    let mut bosh = engine.config.agent_env.clone();
    let api_version = wanted.input.stemcells[wanted.group.stemcell].api_version;
    if let Some(blobstores) = signed::blobstores(&engine.config, api_version) {
        bosh.insert("blobstores".into(), blobstores);
    }
    if let Some(Value::Object(own)) = env.remove("bosh") {
        bosh.extend(own);
    }
    if !wanted.group.tags.is_empty() {
        bosh.insert("tags".into(), Value::Object(wanted.group.tags.clone()));
    }
    if let Some(nats) = &engine.config.nats {
        let cert = certificates::of_agent(nats, agent_id, true)?;
        bosh.insert("mbus".into(), json!({ "cert": cert }));
    }
    let director = names::canonical(&engine.config.name);
    let deployment = names::canonical(&wanted.input.deployment.name);
    let group = names::canonical(&wanted.group.name);
    let all = format!("{director}-{deployment}-{group}");
    bosh.insert(
        "groups".into(),
        json!([
            director,
            deployment,
            group,
            format!("{director}-{deployment}"),
            format!("{deployment}-{group}"),
            all,
        ]),
    );
    bosh.insert("group".into(), json!(all));
    env.insert("bosh".into(), Value::Object(bosh));
    Ok(env)
}

/// Waits for the agent and tells it who it is.
async fn settle(
    engine: &Engine,
    task: &Task,
    wanted: &Wanted<'_>,
    vm: &mut Vm,
) -> Result<(), Error> {
    let cid = vm.cid.clone().unwrap_or_default();
    set_metadata(engine, task, wanted, vm).await?;
    wait_for_agent(engine, task, vm).await?;
    let pool = engine.store.pool();
    if wanted.active {
        for mut other in vms::of_instance(pool, wanted.row.id).await? {
            if *other.active && other.id != vm.id {
                other.active = Flag(false);
                vms::save(pool, &other).await?;
            }
        }
        vm.active = Flag(true);
    }
    vms::save(pool, vm).await?;
    if wanted.active {
        // What it was made with is known by the instance's set of variables, however the update ends.
        if let Some(mut row) = instances::find(pool, wanted.row.id).await? {
            row.variable_set_id = wanted.variables.set();
            instances::save(pool, &row).await?;
        }
        ips::bind_to_vm(pool, wanted.row.id, vm.id).await?;
    } else {
        for address in wanted.plan.networks.iter().filter_map(|one| one.address) {
            if let Reservation::Kept(id) = address.from {
                ips::bind(pool, id, vm.id).await?;
            }
        }
    }
    task.log(&format!(
        "{}: agent {} of {cid} answers",
        wanted.row.name(),
        vm.agent_id
    ));
    update_settings(engine, task, vm, &[]).await?;
    let agent = engine.bus.agent(&vm.agent_id);
    let first = spec::first_apply(wanted.input, wanted.group, wanted.plan);
    agent.run("apply", vec![first], task).await?;
    if !wanted.active {
        vm.spare = Flag(true);
        vms::save(pool, vm).await?;
    }
    Ok(())
}

/// Tags as CPIs take them, which know texts only.
pub fn as_metadata(tags: &Map<String, Value>) -> Map<String, Value> {
    let text = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    tags.iter()
        .map(|(key, value)| (key.clone(), json!(text(value))))
        .collect()
}

/// What people see of a machine in its infrastructure.
pub async fn set_metadata(
    engine: &Engine,
    task: &Task,
    wanted: &Wanted<'_>,
    vm: &Vm,
) -> Result<(), Error> {
    let Some(cid) = &vm.cid else { return Ok(()) };
    let mut metadata = as_metadata(&wanted.group.tags);
    let group = &wanted.group.name;
    for (key, value) in [
        ("director", engine.config.name.clone()),
        ("deployment", wanted.input.deployment.name.clone()),
        ("id", wanted.plan.uuid.clone()),
        ("job", group.clone()),
        ("instance_group", group.clone()),
        ("index", wanted.plan.index.to_string()),
        ("name", format!("{group}/{}", wanted.plan.uuid)),
        ("created_at", rfc3339(vm.created_at)),
    ] {
        metadata.insert(key.to_owned(), json!(value));
    }
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    Ok(cpi.set_vm_metadata(cid, metadata).await?)
}

/// Waits until an agent answers. One that is silent for long is looked after: a machine that is gone
/// ends the waiting.
async fn wait_for_agent(engine: &Engine, task: &Task, vm: &Vm) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let begun = Instant::now();
    loop {
        let left = engine.config.agent_patience.saturating_sub(begun.elapsed());
        let part = left
            .min(engine.config.silent_after)
            .max(Duration::from_millis(1));
        match agent.wait_until_ready(part, task).await {
            Err(error) if error.is_timeout() && begun.elapsed() < engine.config.agent_patience => {}
            done => return Ok(done?),
        }
        let cid = vm.cid.as_deref().unwrap_or_default();
        let cpi = engine.cpi_named(task, &vm.cpi).await?;
        if cpi.has_vm(cid).await? == Some(false) {
            return Err(Error::refused(
                450_002,
                format!("The machine {cid} ended before its agent answered"),
            ));
        }
        task.warn(&format!(
            "The agent of {cid} has not answered for {} s",
            begun.elapsed().as_secs()
        ));
        if let Some(log) = cpi.get_vm_log(cid).await? {
            task.log(&format!("what is written in {cid}:\n{log}"));
            // An agent that says why it cannot go on will not answer later either.
            if let Some(line) = log.lines().rev().find(|line| line.contains("FATAL")) {
                return Err(Error::refused(
                    450_002,
                    format!("The agent of {cid} cannot start: {line}"),
                ));
            }
        }
    }
}

/// An error of a machine that never answered, with what its agent wrote last.
async fn with_log(engine: &Engine, task: &Task, vm: &Vm, error: Error) -> Error {
    let Some(cid) = vm.cid.as_deref().filter(|_| error.code() == 450_002) else {
        return error;
    };
    let Ok(cpi) = engine.cpi_named(task, &vm.cpi).await else {
        return error;
    };
    match cpi.get_vm_log(cid).await {
        Ok(Some(log)) if !log.trim().is_empty() => {
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
            Error::refused(
                450_002,
                format!(
                    "{}\nThe machine's own log ends with:\n  {tail}",
                    error.story()
                ),
            )
        }
        _ => error,
    }
}

/// Gives an agent its lasting certificate and what else it should know: `disks` are names and ids of those
/// that have names, which it must have already.
pub async fn update_settings(
    engine: &Engine,
    task: &Task,
    vm: &mut Vm,
    disks: &[(String, String)],
) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let associations: Vec<Value> = disks
        .iter()
        .map(|(name, cid)| json!({"name": name, "cid": cid}))
        .collect();
    let mut settings = json!({
        "trusted_certs": engine.config.trusted_certs,
        "disk_associations": associations,
    });
    let now = Fingerprints::of(&engine.config, vm.stemcell_api_version);
    let changes_name = engine.config.nats.is_some() && !*vm.permanent_nats_credentials;
    let changes_bus = differs(vm.nats_config_sha1.as_ref(), now.nats.as_ref());
    if let (Some(nats), true) = (&engine.config.nats, changes_name || changes_bus) {
        let cert = certificates::of_agent(nats, &vm.agent_id, false)?;
        settings["mbus"] = json!({ "cert": cert });
    }
    // Stock tells a machine that is new once more what its environment said.
    let is_new = vm.trusted_certs_sha1.is_none();
    if (is_new || differs(vm.blobstore_config_sha1.as_ref(), now.blobstores.as_ref()))
        && let Some(blobstores) = signed::blobstores(&engine.config, vm.stemcell_api_version)
    {
        settings["blobstores"] = blobstores;
    }
    match agent.run("update_settings", vec![settings], task).await {
        Err(error) if error.is_unknown_method() => {}
        done => {
            done?;
        }
    }
    let is_news = now.set_all(vm);
    if changes_name {
        vm.permanent_nats_credentials = Flag(true);
    }
    if is_news || changes_name {
        vms::save(engine.store.pool(), vm).await?;
    }
    if changes_name {
        engine.write_users().await?;
    }
    Ok(())
}

/// Deletes a machine and its row; its addresses stay with the instance.
///
/// One whose director died while it was made may have no id in its row, and be there all the same: the CPI
/// or its agent tells it ([`lost`]).
pub async fn delete(engine: &Engine, task: &Task, vm: &Vm, instance: &str) -> Result<(), Error> {
    let Some(cid) = lost::id_of(engine, task, vm).await? else {
        return remove(engine, task, vm, instance).await;
    };
    let mut found = vm.clone();
    found.cid = Some(cid);
    vms::save(engine.store.pool(), &found).await?;
    remove(engine, task, &found, instance).await?;
    for asked in intents::of_owner(engine.store.pool(), &vm.agent_id).await? {
        if found.cid.as_ref() == Some(&asked.cid) {
            intents::delete(engine.store.pool(), &asked.cid).await?;
        }
    }
    Ok(())
}

/// From its beginning the machine does not count any more: whatever cuts this off, the next deploy makes
/// another, and deletes what is left of this one first.
async fn remove(engine: &Engine, task: &Task, vm: &Vm, instance: &str) -> Result<(), Error> {
    let pool = engine.store.pool();
    if *vm.active || *vm.spare {
        let mut going = vm.clone();
        (going.active, going.spare) = (Flag(false), Flag(false));
        vms::save(pool, &going).await?;
    }
    if let Some(cid) = &vm.cid {
        let begun = task
            .event(Event {
                action: "delete",
                object_type: "vm",
                object_name: Some(cid),
                instance: Some(instance),
                ..Event::default()
            })
            .await?;
        let cpi = engine.cpi_named(task, &vm.cpi).await?;
        let done = lock::with(task, &format!("lock:vm:{cid}"), lock::PATIENCE, async {
            Ok(cpi.delete_vm(cid, vm.stemcell_api_version).await?)
        })
        .await;
        let error = done.as_ref().err().map(Error::story);
        task.event(Event {
            parent: Some(begun),
            action: "delete",
            object_type: "vm",
            object_name: Some(cid),
            error: error.as_deref(),
            instance: Some(instance),
            ..Event::default()
        })
        .await?;
        done?;
    }
    ips::unbind_vm(pool, vm.id).await?;
    agent_tasks::forget(pool, &vm.agent_id).await?;
    vms::delete(pool, vm.id).await?;
    engine.write_users().await
}
