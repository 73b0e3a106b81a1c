//! An agent that has missed the names is told of them by the keeper of names, over the real bus.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;
use warren_director_bus::{ServerUrl, Tls};
use warren_director_store::{Store, deployments, dns, instances, now, variables, vms};
use warren_director_variables::{Identity, Purpose, identity};
use warren_lib_nats::{Client, Event, Events, Message, Options};

use crate::scene::Scene;

const AGENT: &str = "7a0c0c5c-0000-4000-8000-000000000001";

/// An agent that takes names, and remembers which.
struct Agent {
    client: OnceLock<Client>,
    asked: Mutex<Vec<Value>>,
}

impl Events for Agent {
    fn message(&self, message: Message) {
        let request: Value = serde_json::from_slice(&message.payload).unwrap();
        let to = request["reply_to"].as_str().unwrap().to_owned();
        self.asked.lock().unwrap().push(request);
        if let Some(client) = self.client.get() {
            client.publish(&to, br#"{"value":"synced"}"#).unwrap();
        }
    }

    fn event(&self, _: &Event) {}
}

/// A machine with a name, of which nobody has told its agent.
pub async fn machine(scene: &Scene) {
    let store = Store::open(scene.at("home/director.db").to_str().unwrap())
        .await
        .unwrap();
    let pool = store.pool();
    let mut tx = store.begin().await.unwrap();
    let deployment = deployments::find_or_create(&mut *tx, "d", "[]")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let set = variables::create_set(pool, deployment.id).await.unwrap();
    let new = instances::New {
        deployment_id: deployment.id,
        job: "web",
        index: 0,
        uuid: "7a0c0c5c-0000-4000-8000-000000000002",
        state: "started",
        availability_zone: Some("z1"),
        bootstrap: true,
        compilation: false,
        variable_set_id: set,
    };
    let instance = instances::create(pool, &new).await.unwrap();
    let mut vm = vms::create(pool, instance.id, AGENT, "").await.unwrap();
    vm.cid = Some("vm-1".to_owned());
    vm.active = 1.into();
    vms::save(pool, &vm).await.unwrap();
    let record = dns::Record {
        id: 0,
        ip: "10.0.0.5".to_owned(),
        az: Some("z1".to_owned()),
        instance_group: Some("web".to_owned()),
        network: Some("default".to_owned()),
        deployment: Some("d".to_owned()),
        instance_id: Some(instance.id),
        agent_id: Some(AGENT.to_owned()),
        domain: Some("bosh".to_owned()),
        links: "[]".to_owned(),
    };
    dns::add_record(pool, &record).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_missed_the_names_is_told() {
    let mut scene = Scene::new(&[]);
    // The worker writes who may use the bus; nobody else would tell agents of names.
    for role in ["api", "worker"] {
        scene.start(role);
    }
    scene.start_nats();
    scene.wait_for_api();
    machine(&scene).await;
    let read = |name: &str| std::fs::read_to_string(scene.at(name)).unwrap();
    let authority = Identity {
        certificate: read("home/certs/nats-ca.crt"),
        key: read("home/certs/nats-ca.key"),
    };
    let name = format!("{AGENT}.bootstrap.agent.bosh-internal");
    let mine = identity(&name, &Purpose::Client, Some(&authority), now(), 1).unwrap();
    let agent = Arc::new(Agent {
        client: OnceLock::new(),
        asked: Mutex::default(),
    });
    let url = format!("nats://{}:{}", scene.address, scene.nats_port.number());
    let options = Options {
        servers: vec![ServerUrl::parse(&url).unwrap()],
        tls: Some(Tls {
            ca: authority.certificate.clone(),
            certificate: mine.certificate,
            private_key: mine.key,
            common_name: None,
        }),
        name: AGENT.to_owned(),
        subjects: vec![format!("agent.{AGENT}")],
        ping_interval: Duration::from_secs(5),
    };
    let client = Client::start(options, Arc::clone(&agent) as Arc<dyn Events>).unwrap();
    assert!(
        client.wait_connected(crate::scene::PATIENCE),
        "{}",
        scene.logs()
    );
    assert!(agent.client.set(client).is_ok());

    scene.start("sync-dns");
    scene.wait("the names", || !agent.asked.lock().unwrap().is_empty());
    let asked = agent.asked.lock().unwrap().clone();
    assert_eq!(asked[0]["method"], "sync_dns");
    assert_eq!(asked[0]["arguments"][2], 1);
    let store = Store::open(scene.at("home/director.db").to_str().unwrap())
        .await
        .unwrap();
    let end = std::time::Instant::now() + crate::scene::PATIENCE;
    while !dns::stale_agents(store.pool(), 1).await.unwrap().is_empty() {
        assert!(std::time::Instant::now() < end, "{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let latest = dns::latest(store.pool()).await.unwrap().unwrap();
    assert_eq!(asked[0]["arguments"][0], latest.blobstore_id.as_str());
    // It has them now, and whoever starts again does not tell it again.
    scene.kill("sync-dns");
    scene.start("sync-dns");
    scene.wait("a keeper of names", || {
        scene.log("sync-dns").matches(" started ").count() == 2
    });
    store.close().await;
    assert_eq!(agent.asked.lock().unwrap().len(), 1);
}
