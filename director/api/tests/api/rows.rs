//! Lists whose rows no recording has.

use serde_json::json;
use warren_director_store::links::{self, Offer, Party, Want};
use warren_director_store::{
    compiled_packages, deployments, instances, ips, locks, orphaned_vms, packages, problems,
    releases, vms,
};

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    lists_have_the_shape_that_clients_parse(Scene::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let server = super::postgres::Server::start().await;
    let url = server.database("rows").await;
    lists_have_the_shape_that_clients_parse(Scene::on(Some(url)).await).await;
}

async fn lists_have_the_shape_that_clients_parse(scene: Scene) {
    scene.fill().await;
    machines(&scene).await;
    problems_and_locks(&scene).await;
    contents(&scene).await;
    linked(&scene).await;
}

async fn machines(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let instance = instances::of_deployment(pool, deployment.id)
        .await
        .unwrap()
        .remove(0);
    let mut vm = vms::create(pool, instance.id, "agent-1", "").await.unwrap();
    vm.cid = Some("vm/1".to_owned());
    vm.active = warren_director_store::Flag(true);
    vms::save(pool, &vm).await.unwrap();
    let new = ips::New {
        address: "10.244.0.2/32",
        network_name: "default",
        static_address: false,
        nic_group: None,
        instance_id: instance.id,
        task_id: None,
    };
    ips::reserve(pool, &new).await.unwrap();
    let time = scene.get("/deployments/zookeeper/vms").await.json()[0]["vm_created_at"].clone();
    let time = time.as_str().unwrap();
    assert_eq!(
        scene.get("/deployments/zookeeper/vms").await.text(),
        format!(
            "[{{\"agent_id\":\"agent-1\",\"cid\":\"vm/1\",\"job\":\"zookeeper\",\"index\":0,\
             \"id\":\"{}\",\"az\":\"z1\",\"ips\":[\"10.244.0.2\"],\"vm_created_at\":\"{time}\",\
             \"active\":true,\"permanent_nats_credentials\":false}}]",
            instance.uuid
        )
    );
    let all = scene.get("/deployments/zookeeper/instances").await.json();
    assert_eq!(all[0]["expects_vm"], true);
    assert_eq!((&all[1]["cid"], &all[1]["ips"]), (&json!(null), &json!([])));
    let mut orphan = vm.clone();
    orphan.cid = Some("vm/2".to_owned());
    let id = orphaned_vms::create(pool, &orphan, Some("z1"), "zookeeper", "zookeeper/x")
        .await
        .unwrap();
    ips::bind_to_vm(pool, instance.id, vm.id).await.unwrap();
    ips::orphan(pool, vm.id, id).await.unwrap();
    let orphans = scene.get("/orphaned_vms").await.json();
    assert_eq!(
        (&orphans[0]["cid"], &orphans[0]["ip_addresses"]),
        (&json!("vm/2"), &json!(["10.244.0.2"]))
    );
    assert_eq!(scene.get("/networks?orphaned=true").await.text(), "[]");
    assert_eq!(
        scene.get("/deployments/zookeeper/snapshots").await.text(),
        "[]"
    );
}

async fn problems_and_locks(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let problem = problems::Problem {
        id: 0,
        deployment_id: deployment.id,
        state: "open".to_owned(),
        resource_id: 1,
        kind: "missing_vm".to_owned(),
        data: "{}".to_owned(),
        description: "VM is missing".to_owned(),
        instance_group: "zookeeper".to_owned(),
    };
    let id = problems::create(pool, &problem).await.unwrap();
    let listed = scene.get("/deployments/zookeeper/problems").await.json();
    let names: Vec<&str> = listed[0]["resolutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "ignore",
            "recreate_vm_without_wait",
            "recreate_vm",
            "delete_vm_reference"
        ]
    );
    assert_eq!(
        (&listed[0]["id"], &listed[0]["data"]),
        (&json!(id), &json!({}))
    );
    let wrong = format!("{{\"resolutions\":{{\"{id}\":\"fly\"}}}}");
    let path = "/deployments/zookeeper/problems";
    assert_eq!(
        scene
            .send("PUT", path, "application/json", &wrong)
            .await
            .code(),
        410_002
    );
    let patience = std::time::Duration::from_secs(1);
    for name in ["lock:deployment:zookeeper", "lock:stemcells:s:1.1"] {
        locks::acquire(&scene.store, name, Some(7), patience)
            .await
            .unwrap();
    }
    let held = scene.get("/locks").await.json();
    assert_eq!(
        (&held[0]["type"], &held[0]["resource"]),
        (&json!("deployment"), &json!(["zookeeper"]))
    );
    assert_eq!(held[1]["resource"], json!(["s", "1.1"]));
    assert_eq!(held[0]["task_id"], "7");
    assert!(held[0]["timeout"].as_str().unwrap().ends_with(".000000"));
    assert_eq!(scene.get("/deployments").await.json()[0]["locked"], true);
}

async fn contents(scene: &Scene) {
    let pool = scene.store.pool();
    let version = releases::find_version(pool, "zookeeper", "0.0.10+lab.1")
        .await
        .unwrap()
        .unwrap();
    let mut ids = Vec::new();
    for (name, blob) in [("java", Some(("blob-1", "sha-1"))), ("zk", None)] {
        let new = packages::New {
            release_id: version.release_id,
            name,
            version: name,
            fingerprint: name,
            blob,
            dependencies: &[],
        };
        let id = packages::create(pool, &new).await.unwrap();
        packages::join(pool, id, version.id).await.unwrap();
        ids.push(id);
    }
    let new = compiled_packages::New {
        package_id: ids[1],
        stemcell_os: "gone",
        stemcell_version: "1",
        dependency_key: "[[\"java\",\"java\",[]]]",
        dependency_key_sha1: "x",
        blobstore_id: "blob-2",
        sha1: "sha-2",
    };
    compiled_packages::create(pool, &new, 1).await.unwrap();
    let shown = scene
        .get("/releases/zookeeper?version=0.0.10%2Blab.1")
        .await
        .json();
    assert_eq!(
        shown["packages"],
        json!([
            {"name": "java", "blobstore_id": "blob-1", "sha1": "sha-1", "fingerprint": "java", "compiled_packages": []},
            {"name": "zk", "blobstore_id": null, "sha1": null, "fingerprint": "zk",
             "compiled_packages": [{"stemcell": "gone/1", "sha1": "sha-2", "blobstore_id": "blob-2"}]},
        ])
    );
    assert_eq!(
        shown["jobs"][0]["provides"],
        json!([{"name": "conn", "type": "zk", "optional": false}])
    );
    let listed = scene.get("/releases").await.json();
    let version_of = &listed[0]["release_versions"][0];
    assert_eq!(
        version_of["job_names"],
        json!(["smoke-tests", "status", "zookeeper"])
    );
    assert_eq!(
        (
            &version_of["currently_deployed"],
            &version_of["commit_hash"]
        ),
        (&json!(true), &json!("abc"))
    );
    let manifest = |key: &str, stemcell: &str| {
        format!(
            "name: zookeeper\nversion: 0.0.11\n{key}:\n- {{name: java, version: java, fingerprint: java{stemcell}}}\n\
             - {{name: zk, version: zk, fingerprint: zk, dependencies: [java]{stemcell}}}\n\
             - {{name: new, version: new, fingerprint: new{stemcell}}}\n"
        )
    };
    let yaml = "text/yaml";
    let sources = manifest("packages", "");
    let matched = scene
        .send("POST", "/packages/matches", yaml, &sources)
        .await;
    assert_eq!(matched.text(), "[\"java\"]");
    let compiled = manifest("compiled_packages", ", stemcell: gone/1");
    let matched = scene
        .send("POST", "/packages/matches_compiled", yaml, &compiled)
        .await;
    assert_eq!(matched.text(), "[\"zk\"]");
    let other = manifest("compiled_packages", ", stemcell: gone/2");
    let matched = scene
        .send("POST", "/packages/matches_compiled", yaml, &other)
        .await;
    assert_eq!(matched.text(), "[]");
    // A version whose upload broke off is sent again as a whole.
    releases::create_version(pool, version.release_id, "0.0.11", "abc", false)
        .await
        .unwrap();
    assert_eq!(
        scene
            .send("POST", "/packages/matches", yaml, &sources)
            .await
            .text(),
        "[]"
    );
    let dry = scene.get("/cleanup/dryrun?remove_all=true").await.json();
    assert_eq!(
        dry["releases"],
        json!([{"name": "zookeeper", "versions": ["0.0.11"]}])
    );
    assert_eq!(dry["compiled_packages"][0]["package_name"], "zk");
    let dry = scene.get("/cleanup/dryrun").await.json();
    assert_eq!(
        (&dry["releases"], &dry["compiled_packages"]),
        (&json!([]), &json!([]))
    );
}

async fn linked(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let serial = deployments::next_links_serial(pool, deployment.id)
        .await
        .unwrap();
    let party = Party {
        deployment_id: deployment.id,
        kind: "job",
        name: "zookeeper",
        instance_group: "zookeeper",
        serial_id: serial,
    };
    let provider = links::put_provider(pool, &party).await.unwrap();
    let offer = Offer {
        provider,
        original_name: "conn",
        kind: "zk",
        name: Some("shared-conn"),
        shared: true,
        consumable: true,
        content: Some("{}"),
        metadata: None,
        serial_id: serial,
    };
    let offer = links::put_offer(pool, &offer).await.unwrap();
    let consumer = links::put_consumer(pool, &party).await.unwrap();
    let want = Want {
        consumer,
        original_name: "peers",
        kind: "zk",
        name: None,
        optional: false,
        blocked: false,
        metadata: None,
        serial_id: serial,
    };
    let want = links::put_want(pool, &want).await.unwrap();
    let mut tx = scene.store.begin().await.unwrap();
    let link = links::put(&mut tx, want, Some(offer), "peers", "{}")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let owner =
        json!({"type": "job", "name": "zookeeper", "info": {"instance_group": "zookeeper"}});
    assert_eq!(
        scene
            .get("/link_providers?deployment=zookeeper")
            .await
            .json(),
        json!([{"id": offer.to_string(), "name": "shared-conn", "shared": true, "deployment": "zookeeper",
                "link_provider_definition": {"type": "zk", "name": "conn"}, "owner_object": owner}])
    );
    assert_eq!(
        scene
            .get("/link_consumers?deployment=zookeeper")
            .await
            .json(),
        json!([{"id": want.to_string(), "name": "peers", "optional": false, "deployment": "zookeeper",
                "link_consumer_definition": {"type": "zk", "name": "peers"}, "owner_object": owner}])
    );
    let all = scene.get("/links?deployment=zookeeper").await.json();
    assert_eq!(
        (&all[0]["id"], &all[0]["link_provider_id"]),
        (&json!(link.to_string()), &json!(offer.to_string()))
    );
}
