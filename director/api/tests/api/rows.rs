//! Lists whose rows no recording has.

use serde_json::json;
use warren_director_store::links::{self, Offer, Party, Want};
use warren_director_store::work::{DynamicDisk, Work};
use warren_director_store::{
    compiled_packages, deployments, disks, dynamic_disks, instances, ips, locks, orphaned_vms,
    packages, problems, releases, snapshots, templates, variables, vms,
};

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    lists_have_the_shape_that_clients_parse(Scene::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let server = warren_tests_harness::Postgres::start();
    let url = server.database("rows");
    lists_have_the_shape_that_clients_parse(Scene::on(Some(url)).await).await;
}

async fn lists_have_the_shape_that_clients_parse(scene: Scene) {
    scene.fill().await;
    machines(&scene).await;
    snapshots_of_disks(&scene).await;
    problems_and_locks(&scene).await;
    contents(&scene).await;
    linked(&scene).await;
    jobs_and_variables(&scene).await;
    disks_outside_of_manifests(&scene).await;
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

async fn snapshots_of_disks(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let all = instances::of_deployment(pool, deployment.id).await.unwrap();
    let new = disks::New {
        instance_id: all[1].id,
        cid: "disk/1",
        name: "",
        size: 1024,
        active: true,
        cloud_properties: "{}",
        cpi: "",
    };
    let disk = disks::create(pool, &new).await.unwrap();
    snapshots::create(pool, disk.id, "snap/1", true)
        .await
        .unwrap();
    let d = "/deployments/zookeeper";
    let listed = scene.get(&format!("{d}/snapshots")).await;
    let time = listed.json()[0]["created_at"].as_str().unwrap().to_owned();
    assert!(time.ends_with(" UTC"), "{time}");
    let one = format!(
        "[{{\"job\":\"zookeeper\",\"index\":1,\"uuid\":\"{}\",\"snapshot_cid\":\"snap/1\",\
         \"created_at\":\"{time}\",\"clean\":true}}]",
        all[1].uuid
    );
    assert_eq!(listed.text(), one);
    let of = |id: &str| format!("{d}/jobs/zookeeper/{id}/snapshots");
    assert_eq!(scene.get(&of("1")).await.text(), one);
    assert_eq!(scene.get(&of("0")).await.text(), "[]");
    let task = scene
        .delete(&format!("{d}/snapshots/snap%2F1"))
        .await
        .task();
    let work = Work::DeleteSnapshot {
        deployment: "zookeeper".to_owned(),
        cid: "snap/1".to_owned(),
    };
    assert_eq!(scene.work(task).await, work);
    assert_eq!(
        scene.delete(&format!("{d}/snapshots/no")).await.text(),
        "{\"code\":70008,\"description\":\"snapshot no not found in deployment zookeeper\"}"
    );
    // A disk that is let go keeps its snapshots, and has them again when it is taken back.
    let mut tx = scene.store.begin().await.unwrap();
    disks::orphan(&mut tx, &disk, None, "zookeeper", "zookeeper/x")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.get(&format!("{d}/snapshots")).await.text(), "[]");
    let orphan = disks::orphans(pool).await.unwrap().remove(0);
    let kept = snapshots::of_orphan(pool, orphan.id).await.unwrap();
    assert_eq!(kept[0].1, "snap/1");
    let disk = disks::create(pool, &new).await.unwrap();
    let mut tx = scene.store.begin().await.unwrap();
    snapshots::adopt(&mut tx, orphan.id, disk.id).await.unwrap();
    disks::delete_orphan(&mut *tx, "disk/1").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.get(&format!("{d}/snapshots")).await.text(), one);
    disks::delete(pool, disk.id).await.unwrap();
    assert_eq!(scene.get(&format!("{d}/snapshots")).await.text(), "[]");
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
    let kept = scene.delete(&format!("/links/{link}")).await;
    assert_eq!((kept.status, kept.code()), (400, 810_005));
    let all = scene.get("/links?deployment=zookeeper").await.json();
    assert_eq!(
        (&all[0]["id"], &all[0]["link_provider_id"]),
        (&json!(link.to_string()), &json!(offer.to_string()))
    );
    external(scene, &party, provider, link).await;
}

/// Links that no deployment consumes.
async fn external(scene: &Scene, party: &Party<'_>, provider: i64, of_job: i64) {
    let pool = scene.store.pool();
    let content = json!({"deployment_name": "zoo_keeper", "domain": "bosh", "default_network": "default",
        "networks": ["default", "other"], "instance_group": "zookeeper", "instances": [],
        "use_short_dns_addresses": false, "group_id": "4", "az_ids": {"z1": "1", "z2": "2"},
        "network_ids": {"default": "3", "other": "5"}});
    let short = content
        .to_string()
        .replace("addresses\":false", "addresses\":true");
    let mut offers = Vec::new();
    for (name, shared, content) in [
        ("long", true, content.to_string()),
        ("short", true, short),
        ("private", false, "{}".to_owned()),
    ] {
        let offer = Offer {
            provider,
            original_name: name,
            kind: "zk",
            name: Some(name),
            shared,
            consumable: true,
            content: Some(&content),
            metadata: None,
            serial_id: party.serial_id,
        };
        offers.push(links::put_offer(pool, &offer).await.unwrap());
    }
    let body = |provider: i64, network: &str| {
        format!(
            "{{\"link_provider_id\":\"{provider}\",\"link_consumer\":{{\"owner_object\":\
             {{\"name\":\"me\",\"type\":\"external\"}}}}{network}}}"
        )
    };
    let post = async |body: &str| scene.send("POST", "/links", "application/json", body).await;
    let made = post(&body(offers[0], "")).await.json();
    assert_eq!(
        (&made["name"], &made["link_provider_id"]),
        (&json!("long"), &json!(offers[0].to_string()))
    );
    let id = made["id"].as_str().unwrap().to_owned();
    // The same again is the same link.
    assert_eq!(post(&body(offers[0], "")).await.json()["id"], id.as_str());
    let address = async |id: &str, query: &str| {
        scene
            .get(&format!("/link_address?link_id={id}{query}"))
            .await
            .json()["address"]
            .clone()
    };
    assert_eq!(
        address(&id, "").await,
        "q-s0.zookeeper.default.zoo-keeper.bosh"
    );
    assert_eq!(
        address(&id, "&azs[]=z2&azs[]=z1&status=healthy").await,
        "q-a1a2s3.zookeeper.default.zoo-keeper.bosh"
    );
    let made = post(&body(offers[1], ",\"network\":\"other\""))
        .await
        .json();
    let second = made["id"].as_str().unwrap().to_owned();
    assert_eq!(address(&second, "&status=all").await, "q-n5s4.q-g4.bosh");
    let consumers = scene.get("/link_consumers?deployment=zookeeper").await;
    let consumers = consumers.json();
    let outside = &consumers.as_array().unwrap()[1];
    assert_eq!(
        outside["owner_object"],
        json!({"type": "external", "name": "me"})
    );
    let refused = [
        (body(offers[2], ""), 403, 810_009),
        (body(9_999, ""), 400, 810_002),
        (body(offers[0], ",\"network\":\"no\""), 400, 810_003),
        (body(offers[0], "").replace("external", "job"), 400, 810_001),
        (body(offers[0], "").replace("\"me\"", "\"\""), 400, 810_001),
        ("{\"link_provider_id\":7}".to_owned(), 400, 810_001),
        ("{}".to_owned(), 400, 810_001),
    ];
    for (body, status, code) in refused {
        let answer = post(&body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{body}");
    }
    for (query, status, code) in [
        ("", 400, 810_006),
        ("?link_id=9999", 404, 810_000),
        (&*format!("?link_id={id}&azs=z1"), 400, 810_007),
        (&*format!("?link_id={id}&azs[]=z9"), 400, 810_007),
        (&*format!("?link_id={id}&status=bad"), 400, 810_008),
    ] {
        let answer = scene.get(&format!("/link_address{query}")).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{query}");
    }
    // A deploy does not end them.
    deployments::next_links_serial(pool, party.deployment_id)
        .await
        .unwrap();
    let mut tx = scene.store.begin().await.unwrap();
    links::clean_up(&mut tx, party.deployment_id, party.serial_id + 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let all = scene.get("/links?deployment=zookeeper").await.json();
    let ids: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [id.as_str(), second.as_str()]);
    assert_eq!(
        scene.delete(&format!("/links/{of_job}")).await.status,
        404,
        "the deploy removed it"
    );
    for id in [&id, &second] {
        assert_eq!(scene.delete(&format!("/links/{id}")).await.status, 204);
    }
    let again = scene.delete(&format!("/links/{id}")).await;
    assert_eq!((again.status, again.code()), (404, 810_000));
    let left = scene.get("/link_consumers?deployment=zookeeper").await;
    assert_eq!(left.text(), "[]");
}

async fn jobs_and_variables(scene: &Scene) {
    let pool = scene.store.pool();
    let jobs = "/jobs?name=status&release_name=zookeeper&fingerprint=";
    let found = scene.get(&format!("{jobs}status")).await.json();
    assert_eq!(
        (&found[0]["name"], &found[0]["spec"]["templates"]["x.erb"]),
        (&json!("status"), &json!("bin/run"))
    );
    assert_eq!(scene.get(&format!("{jobs}other")).await.text(), "[]");
    assert_eq!(scene.get("/jobs?name=status").await.code(), 40_001);
    let unknown = scene.get("/jobs?name=x&release_name=x&fingerprint=x").await;
    assert_eq!((unknown.status, unknown.code()), (404, 30_005));
    let blob = scene.blobs.create(&b"archive"[..]).await.unwrap();
    let read = scene.get(&format!("/packages/blobs/{}", blob.id)).await;
    assert_eq!(read.body, b"archive");
    let missing = scene.get("/packages/blobs/nothing").await;
    assert_eq!((missing.status, missing.code()), (404, 100_002));

    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut certificate = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
    certificate.not_after = rcgen::date_time_ymd(2100, 1, 2);
    let certificate = certificate.self_signed(&key).unwrap().pem();
    let set = variables::create_set(pool, deployment.id).await.unwrap();
    for (name, kind, value) in [
        (
            "/d/cert",
            "certificate",
            json!({"certificate": certificate}),
        ),
        ("/d/broken", "certificate", json!({"certificate": "no"})),
        ("/d/word", "password", json!("certificate")),
    ] {
        let value = variables::Value {
            variable_id: format!("id-of-{name}"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            parameters: "{}".to_owned(),
            value: value.to_string(),
        };
        variables::add_value(pool, &value).await.unwrap();
        variables::pin(pool, set, name, &value.variable_id)
            .await
            .unwrap();
    }
    let path = "/deployed_variables/%2Fd%2Fword";
    assert_eq!(scene.get(path).await.text(), "{\"deployments\":[]}");
    variables::finish_set(pool, set, true).await.unwrap();
    assert_eq!(
        scene.get(path).await.text(),
        "{\"deployments\":[{\"name\":\"zookeeper\",\"version\":\"id-of-/d/word\"}]}"
    );
    let shown = scene
        .get("/deployments/zookeeper/certificate_expiry")
        .await
        .json();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(
        (&shown[0]["id"], &shown[0]["expiry_date"]),
        (&json!("id-of-/d/cert"), &json!("2100-01-02T00:00:00Z"))
    );
    assert!(shown[0]["days_left"].as_i64().unwrap() > 365);

    // An errand that an addon has brought.
    let mut instance = instances::of_deployment(pool, deployment.id)
        .await
        .unwrap()
        .remove(0);
    let version = releases::find_version(pool, "zookeeper", "0.0.10+lab.1")
        .await
        .unwrap()
        .unwrap();
    let new = templates::New {
        release_id: version.release_id,
        name: "brought",
        version: "brought",
        fingerprint: "brought",
        blobstore_id: "blob",
        sha1: "sha",
        package_names: &[],
        spec: &json!({"name": "brought", "templates": {"x.erb": "bin/run"}, "packages": []}),
    };
    let id = templates::create(pool, &new).await.unwrap();
    templates::join(pool, id, version.id).await.unwrap();
    let errands = "/deployments/zookeeper/errands";
    let known = "[{\"name\":\"smoke-tests\"},{\"name\":\"status\"}";
    assert_eq!(scene.get(errands).await.text(), format!("{known}]"));
    let templates = json!([{"name": "brought", "version": "brought"}]);
    instance.spec = Some(json!({"job": {"templates": templates}}).to_string());
    instances::save(pool, &instance).await.unwrap();
    assert_eq!(
        scene.get(errands).await.text(),
        format!("{known},{{\"name\":\"brought\"}}]")
    );
}

async fn disks_outside_of_manifests(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    assert_eq!(scene.get("/dynamic_disks").await.text(), "[]");
    let new = dynamic_disks::New {
        name: "data/1",
        cid: "cid",
        deployment_id: deployment.id,
        availability_zone: Some("z1"),
        size: 20,
        disk_pool_name: "fast",
        cpi: "",
    };
    dynamic_disks::create(pool, &new).await.unwrap();
    let disk = dynamic_disks::find(pool, "data/1").await.unwrap().unwrap();
    let machine = vms::list(pool).await.unwrap().remove(0);
    dynamic_disks::set_machine(pool, disk.id, Some((machine.id, "\"/dev/x\"")))
        .await
        .unwrap();
    dynamic_disks::set_metadata(pool, disk.id, "{\"a\":\"b\"}")
        .await
        .unwrap();
    let instance = instances::find(pool, machine.instance_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        scene.get("/dynamic_disks").await.text(),
        format!(
            "[{{\"name\":\"data/1\",\"disk_cid\":\"cid\",\"deployment\":\"zookeeper\",\
             \"instance\":\"{}\",\"availability_zone\":\"z1\",\"size\":20,\
             \"disk_pool_name\":\"fast\",\"cpi\":\"\",\"metadata\":{{\"a\":\"b\"}}}}]",
            instance.name()
        )
    );
    let json_type = "application/json";
    let body =
        "{\"instance_id\":\"i\",\"disk_name\":\"n\",\"disk_pool_name\":\"p\",\"disk_size\":7}";
    let task = scene
        .send("POST", "/dynamic_disks/provide", json_type, body)
        .await
        .task();
    let provided = DynamicDisk::Provide {
        instance_id: "i".to_owned(),
        name: "n".to_owned(),
        pool: "p".to_owned(),
        size: 7,
        metadata: None,
    };
    assert_eq!(scene.work(task).await, Work::DynamicDisk(provided));
    let detached = scene
        .curl(
            "/dynamic_disks/data%2F1/detach",
            &["-u", super::scene::ADMIN, "-X", "POST"],
        )
        .await
        .task();
    let wanted = DynamicDisk::Detach {
        name: "data/1".to_owned(),
    };
    assert_eq!(scene.work(detached).await, Work::DynamicDisk(wanted));
    let deleted = scene.delete("/dynamic_disks/data%2F1").await.task();
    let wanted = DynamicDisk::Delete {
        name: "data/1".to_owned(),
    };
    assert_eq!(scene.work(deleted).await, Work::DynamicDisk(wanted));
    for (body, code) in [
        (body.replace("\"n\"", "\"\""), 40_002),
        (body.replace("\"n\"", "7"), 40_000),
        (body.replace(":7", ":0"), 40_002),
        (body.replace(":7", ":\"7\""), 40_000),
        (body.replace("disk_name", "name"), 40_001),
        (body.replace(":7", ":7,\"metadata\":[]"), 40_000),
    ] {
        let refused = scene
            .send("POST", "/dynamic_disks/provide", json_type, &body)
            .await;
        assert_eq!((refused.status, refused.code()), (400, code), "{body}");
    }
    let refused = scene.get_as("reader", "/dynamic_disks").await;
    assert_eq!((refused.status, refused.code()), (401, 600_000));
}
