//! Machines: those of instances, and those that are orphans.

use serde_json::json;
use warren_director_store::{deployments, instances, ips, orphaned_vms, vms};

use crate::scene::Scene;

pub async fn machines(scene: &Scene) {
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
    ips::bind_to_vm(pool, instance.id, vm.id).await.unwrap();

    // Another one waits to take its place, with an address of its own.
    let mut spare = vms::create(pool, instance.id, "agent-2", "").await.unwrap();
    spare.spare = warren_director_store::Flag(true);
    vms::save(pool, &spare).await.unwrap();
    let address = ips::New {
        address: "10.244.0.3/32",
        ..new
    };
    let address = ips::reserve(pool, &address).await.unwrap();
    ips::bind(pool, address, spare.id).await.unwrap();
    let all = scene.get("/deployments/zookeeper/instances").await.json();
    assert_eq!(all[0]["ips"], json!(["10.244.0.2"]));
    let all = scene.get("/deployments/zookeeper/vms").await.json();
    let all = all.as_array().unwrap();
    let shown: Vec<_> = all.iter().map(|vm| (&vm["active"], &vm["ips"])).collect();
    assert_eq!(
        shown,
        [
            (&json!(true), &json!(["10.244.0.2"])),
            (&json!(false), &json!(["10.244.0.3"]))
        ]
    );
    ips::release(pool, address).await.unwrap();
    vms::delete(pool, spare.id).await.unwrap();

    let mut orphan = vm.clone();
    orphan.cid = Some("vm/2".to_owned());
    let id = orphaned_vms::create(pool, &orphan, Some("z1"), "zookeeper", "zookeeper/x")
        .await
        .unwrap();
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
