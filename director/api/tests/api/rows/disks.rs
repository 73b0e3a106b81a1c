//! Snapshots of disks, and disks that no manifest has.

use warren_director_store::work::{DynamicDisk, Work};
use warren_director_store::{deployments, disks, dynamic_disks, instances, snapshots, vms};

use crate::scene::Scene;

pub async fn snapshots_of_disks(scene: &Scene) {
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

pub async fn disks_outside_of_manifests(scene: &Scene) {
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
    let path = "/dynamic_disks/data%2F1/attach";
    let which = "{\"instance_id\":\"i\",\"metadata\":{\"a\":1}}";
    let task = scene.send("POST", path, json_type, which).await.task();
    let attached = DynamicDisk::Attach {
        name: "data/1".to_owned(),
        instance_id: "i".to_owned(),
        metadata: serde_json::json!({"a": 1}).as_object().cloned(),
    };
    assert_eq!(scene.work(task).await, Work::DynamicDisk(attached));
    let refused = scene.send("POST", path, json_type, "{}").await;
    assert_eq!((refused.status, refused.code()), (400, 40_001));
    let detached = scene
        .curl(
            "/dynamic_disks/data%2F1/detach",
            &["-u", crate::scene::ADMIN, "-X", "POST"],
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
