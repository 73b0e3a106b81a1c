//! Machines: made, found to answer, deleted.

mod delete;
mod settings;
mod wait;

use std::time::Duration;

use serde_json::{Map, Value, json};
use warren_director_cpi::{Networks, NewVm};
use warren_director_plan::{Group, Input, InstancePlan, Reservation, names, spec};
use warren_director_store::intents::{self, Kind};
use warren_director_store::vms::{self, Vm};
use warren_director_store::{Flag, instances, ips, uuid};

use crate::fingerprints::Fingerprints;
use crate::task::{Event, rfc3339};
use crate::variables::Variables;
use crate::{Engine, Error, Task, certificates, disks, intent, signed};

pub use delete::delete;
use delete::remove;
pub use settings::update_settings;
use wait::{wait_for_agent, with_log};

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
