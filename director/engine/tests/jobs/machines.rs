//! What agents are asked: states of machines, users to log in as, logs.

use std::time::Duration;

use serde_json::{Value, json};
use warren_director_store::instances::{self, Instance};
use warren_director_store::vms::{self, Vm};
use warren_director_store::work::{Logs, Ssh, Work};
use warren_director_store::{Flag, blobs, deployments, disks, events, intents, ips, variables};

use crate::archives::tgz;
use crate::scene::Scene;
use crate::server::{Agent, Server};

/// A deployment with these instances; `None` for a machine is an instance without one.
pub async fn deployment(
    scene: &Scene,
    groups: &[(&str, i64, Option<&str>)],
) -> Vec<(Instance, Option<Vm>)> {
    let pool = scene.engine.store.pool();
    let row = deployments::find_or_create(pool, "zookeeper", "[]")
        .await
        .unwrap();
    let set = variables::create_set(pool, row.id).await.unwrap();
    let mut all = Vec::new();
    for (job, index, agent) in groups {
        let new = instances::New {
            deployment_id: row.id,
            job,
            index: *index,
            uuid: &warren_director_store::uuid::new(),
            state: "started",
            availability_zone: Some("z1"),
            bootstrap: *index == 0,
            compilation: false,
            variable_set_id: set,
        };
        let mut instance = instances::create(pool, &new).await.unwrap();
        instance.spec = Some(json!({"vm_type": {"name": "default"}}).to_string());
        instances::save(pool, &instance).await.unwrap();
        let mut machine = None;
        if let Some(agent) = agent {
            let mut vm = vms::create(pool, instance.id, agent, "").await.unwrap();
            vm.cid = Some(format!("cid-{agent}"));
            vm.active = Flag(true);
            vm.stemcell_name = Some("s".to_owned());
            vm.stemcell_version = Some("1.1".to_owned());
            vm.stemcell_api_version = Some(3);
            vms::save(pool, &vm).await.unwrap();
            let address = format!("10.244.0.{}/32", index + 2);
            let new = ips::New {
                address: &address,
                network_name: "default",
                static_address: false,
                nic_group: None,
                instance_id: instance.id,
                task_id: None,
            };
            ips::reserve(pool, &new).await.unwrap();
            ips::bind_to_vm(pool, instance.id, vm.id).await.unwrap();
            machine = Some(vm);
        }
        all.push((instance, machine));
    }
    all
}

/// Waits until agents are on the bus, so that no question is lost.
pub async fn ready(scene: &Scene, agents: &[&str]) {
    for id in agents {
        let waiting = warren_director_bus::Waiting;
        let patience = Duration::from_secs(30);
        scene
            .engine
            .bus
            .agent(id)
            .wait_until_ready(patience, &waiting)
            .await
            .unwrap();
    }
}

fn state() -> Value {
    json!({"value": {
        "job_state": "running",
        "vitals": {"cpu": {"sys": "9.0"}, "uptime": {"secs": 9068}},
        "processes": [{"name": "zookeeper", "state": "running", "uptime": {"secs": 1},
            "mem": {"kb": 75920, "percent": 0.3}, "cpu": {"total": 0}}],
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_machines_are_lines_as_recorded() {
    let server = Server::start();
    let scene = Scene::start(Some(server.url())).await;
    let _agent = Agent::start(&server, "a0", |method, _| match method {
        "get_state" => state(),
        _ => json!({"value": "pong"}),
    });
    let rows = deployment(
        &scene,
        &[
            ("smoke-tests", 0, None),
            ("zookeeper", 0, Some("a0")),
            ("zookeeper", 1, Some("silent")),
        ],
    )
    .await;
    let new = disks::New {
        instance_id: rows[1].0.id,
        cid: "disk-1",
        name: "",
        size: 1024,
        active: true,
        cloud_properties: "{}",
        cpi: "",
    };
    disks::create(scene.engine.store.pool(), &new)
        .await
        .unwrap();
    ready(&scene, &["a0"]).await;
    let work = |instances| Work::VmState {
        deployment: "zookeeper".to_owned(),
        instances,
    };
    let ended = scene.work(work(true)).await.done();
    assert_eq!((ended.result.as_str(), ended.events.len()), ("", 0));
    let lines: Vec<Value> = ended
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        json!({"vm_cid":null,"active":null,"vm_created_at":null,"cloud_properties":{},
            "disk_cid":null,"disk_cids":[],"ips":[],"agent_id":null,"job_name":"smoke-tests",
            "index":0,"job_state":null,"state":"started","vm_type":null,"vitals":null,
            "processes":[],"az":"z1","id":rows[0].0.uuid,"bootstrap":true,"ignore":false,
            "stemcell":{"name":null,"version":null,"api_version":null}})
    );
    let mut line = lines[1].clone();
    let created = line["vm_created_at"].take();
    assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
    assert_eq!(
        line,
        json!({"vm_cid":"cid-a0","active":true,"vm_created_at":null,"cloud_properties":{},
            "disk_cid":"disk-1","disk_cids":["disk-1"],"ips":["10.244.0.2"],"agent_id":"a0",
            "job_name":"zookeeper","index":0,"job_state":"running","state":"started",
            "vm_type":"default","vitals":{"cpu":{"sys":"9.0"},"uptime":{"secs":9068}},
            "processes":[{"name":"zookeeper","state":"running","uptime":{"secs":1},
            "mem":{"kb":75920,"percent":0.3},"cpu":{"total":0}}],"az":"z1","id":rows[1].0.uuid,
            "bootstrap":true,"ignore":false,
            "stemcell":{"name":"s","version":"1.1","api_version":3}})
    );
    assert_eq!(lines[2]["job_state"], "unresponsive agent");
    assert_eq!(
        (&lines[2]["vitals"], &lines[2]["processes"]),
        (&Value::Null, &json!([]))
    );
    let machines = scene.work(work(false)).await.done();
    assert_eq!(machines.output.lines().count(), 2);
    let missing = Work::VmState {
        deployment: "nope".to_owned(),
        instances: true,
    };
    assert_eq!(scene.work(missing).await.code(), 70_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_on_machines() {
    let server = Server::start();
    let scene = Scene::start(Some(server.url())).await;
    let answer = |method: &str, arguments: &[Value]| match method {
        "ssh" => json!({"value": {"command": arguments[0], "status": "success",
            "ip": "10.244.0.2", "host_public_key": "ssh-rsa <public key> \n"}}),
        _ => json!({"value": "pong"}),
    };
    let agents = ["a0", "a1"].map(|id| Agent::start(&server, id, answer));
    let rows = deployment(
        &scene,
        &[
            ("smoke-tests", 0, None),
            ("zookeeper", 0, Some("a0")),
            ("zookeeper", 1, Some("a1")),
        ],
    )
    .await;
    ready(&scene, &["a0", "a1"]).await;
    let ssh = |command: &str, job: Option<&str>, ids: &[&str]| {
        let params = json!({"user": "bosh_1", "public_key": "ssh-rsa AAA"});
        Work::Ssh(Ssh {
            deployment: "zookeeper".to_owned(),
            command: command.to_owned(),
            job: job.map(ToOwned::to_owned),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            params: params.as_object().unwrap().clone(),
        })
    };
    let one = scene
        .work(ssh("setup", Some("zookeeper"), &["0"]))
        .await
        .done();
    assert_eq!(
        serde_json::from_str::<Value>(&one.output).unwrap(),
        json!([{"command":"setup","status":"success","ip":"10.244.0.2",
            "host_public_key":"ssh-rsa <public key> \n","id":rows[1].0.uuid,"index":0,
            "job":"zookeeper"}])
    );
    let asked: Vec<_> = agents[0]
        .asked()
        .into_iter()
        .filter(|(name, _)| name == "ssh")
        .collect();
    assert_eq!(
        asked[0].1,
        json!(["setup", {"user": "bosh_1", "public_key": "ssh-rsa AAA"}])
    );
    let all = scene.work(ssh("setup", None, &[])).await.done();
    assert_eq!(
        serde_json::from_str::<Value>(&all.output)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let nobody = scene.work(ssh("setup", Some("zookeeper"), &["7"])).await;
    assert_eq!(nobody.code(), 70_001);
    let no_machine = scene.work(ssh("setup", Some("smoke-tests"), &["0"])).await;
    assert_eq!(no_machine.code(), 70_004);
    let listed = events::list(scene.engine.store.pool(), &events::Filter::default())
        .await
        .unwrap();
    assert_eq!(
        listed
            .iter()
            .filter(|event| event.action == "setup ssh")
            .count(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_become_one_blob() {
    let server = Server::start();
    let scene = Scene::start(Some(server.url())).await;
    let store = scene.engine.blobs.clone();
    let runtime = tokio::runtime::Handle::current();
    let answer = move |id: &'static str| {
        let (store, runtime) = (store.clone(), runtime.clone());
        move |method: &str, _: &[Value]| match method {
            "fetch_logs" => {
                let packed = tgz(&[("log", id.as_bytes())]);
                let stored = runtime.block_on(store.create(packed.as_slice())).unwrap();
                json!({"value": {"blobstore_id": stored.id, "sha1": stored.sha1}})
            }
            _ => json!({"value": "pong"}),
        }
    };
    let agents = ["a0", "a1"].map(|id| Agent::start(&server, id, answer(id)));
    let rows = deployment(
        &scene,
        &[("zookeeper", 0, Some("a0")), ("zookeeper", 1, Some("a1"))],
    )
    .await;
    ready(&scene, &["a0", "a1"]).await;
    let logs = |id: &str, filters: Option<Vec<String>>| {
        Work::FetchLogs(Logs {
            deployment: "zookeeper".to_owned(),
            job: "zookeeper".to_owned(),
            id: id.to_owned(),
            kind: "job".to_owned(),
            filters,
        })
    };
    let old = scene.engine.blobs.create(&b"old"[..]).await.unwrap();
    let pool = scene.engine.store.pool();
    blobs::remember(pool, &old.id, "x", "log").await.unwrap();
    let one = scene.work(logs(&rows[0].0.uuid, None)).await.done();
    let title = format!("Fetching logs for {} (0)", rows[0].0.name());
    assert_eq!(
        one.finished(),
        [format!("{title}: Finding and packing log files")]
    );
    assert!(scene.engine.blobs.exists(&one.result).await.unwrap());
    // It is not old yet.
    assert!(scene.engine.blobs.exists(&old.id).await.unwrap());
    let fetches: Vec<_> = agents[0]
        .asked()
        .into_iter()
        .filter(|(name, _)| name == "fetch_logs")
        .collect();
    assert_eq!(fetches[0].1, json!(["job", null]));
    let before = scene.blobs();
    let all = scene
        .work(logs("*", Some(vec!["a/*".to_owned()])))
        .await
        .done();
    assert_eq!(
        all.finished().last().unwrap(),
        "Fetching group logs: Packing log files together"
    );
    assert_eq!(scene.blobs(), before + 1);
    let packed = scene.engine.blobs.read(&all.result, 1 << 20).await.unwrap();
    let plain = flate2::read::GzDecoder::new(packed.as_slice());
    let mut archive = warren_lib_tar::Reader::new(plain);
    let mut names = Vec::new();
    while let Some(entry) = archive.next_entry().unwrap() {
        names.push(String::from_utf8(entry.path).unwrap());
    }
    assert_eq!(names.len(), 2);
    assert!(
        names[0].starts_with(&format!("zookeeper.{}.", rows[0].0.uuid)),
        "{names:?}"
    );
    assert_eq!(blobs::before(pool, i64::MAX).await.unwrap().len(), 3);
    assert_eq!(intents::left(pool).await.unwrap(), []);
    scene.assert_no_leftovers();
}
