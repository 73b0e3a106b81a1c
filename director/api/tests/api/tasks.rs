//! Making tasks once, cancelling them, and those that end at once.

use warren_director_store::work::Work;
use warren_director_store::{disks, instances, tasks, variables};

use super::scene::{ADMIN, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_one_task() {
    let scene = Scene::new().await;
    scene.fill().await;
    let manifest = "name: fresh\n";
    let first = scene
        .send("POST", "/deployments", "text/yaml", manifest)
        .await
        .task();
    let again = scene
        .send("POST", "/deployments", "text/yaml", manifest)
        .await
        .task();
    assert_eq!(first, again);
    let Work::UpdateDeployment(deploy) = scene.work(first).await else {
        panic!()
    };
    assert!(deploy.new);
    let other = scene
        .send("POST", "/deployments?recreate=true", "text/yaml", manifest)
        .await
        .task();
    assert_ne!(first, other);
    let user = scene
        .send_as("reader", "POST", "/deployments", "text/yaml", manifest)
        .await;
    assert_eq!(user.status, 401);
    // One that has ended is not meant.
    let pool = scene.store.pool();
    let claimed = tasks::claim(&scene.store, "normal", "w")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claimed.id, first);
    assert_eq!(
        scene
            .send("POST", "/deployments", "text/yaml", manifest)
            .await
            .task(),
        first
    );
    tasks::finish(pool, first, "w", "done", "/deployments/fresh")
        .await
        .unwrap();
    assert_ne!(
        scene
            .send("POST", "/deployments", "text/yaml", manifest)
            .await
            .task(),
        first
    );
    // With a context of its own it is another.
    let asked = async |path: &str, context: &str| {
        let header = format!("X-Bosh-Context-Id: {context}");
        scene
            .curl(path, &["-u", ADMIN, "-X", "POST", "-H", &header])
            .await
            .task()
    };
    let restart = "/deployments/zookeeper/instance_groups/zookeeper/0/actions/restart";
    let one = asked(restart, "one").await;
    assert_ne!(one, asked(restart, "two").await);
    let listed = scene.get("/tasks?context_id=one&verbose=2").await.json();
    assert_eq!(listed[0]["id"], one);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    // Of what is no change of a deployment none is kept, as in stock.
    let scan = "/deployments/zookeeper/scans";
    let scanned = asked(scan, "three").await;
    assert_eq!(asked(scan, "four").await, scanned);
    let shown = scene.get(&format!("/tasks/{scanned}")).await.json();
    assert_eq!(shown["context_id"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_cancelled_and_listed() {
    let scene = Scene::new().await;
    scene.fill().await;
    let scan = scene
        .send("POST", "/deployments/zookeeper/scans", "", "")
        .await
        .task();
    assert_eq!(scene.get("/tasks").await.text(), "[]");
    assert_eq!(
        scene
            .get("/tasks?verbose=2&limit=0")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let path = format!("/task/{scan}");
    assert_eq!(scene.delete(&path).await.status, 204);
    // Who asks twice means the same.
    assert_eq!(scene.delete(&path).await.status, 204);
    for (state, kind) in [("cancelled", "normal"), ("error", "urgent")] {
        let over = match kind {
            "normal" => scan,
            _ => scene
                .get("/deployments/zookeeper/vms?format=full")
                .await
                .task(),
        };
        let claimed = tasks::claim(&scene.store, kind, "w")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(claimed.id, over);
        tasks::finish(scene.store.pool(), over, "w", state, "x")
            .await
            .unwrap();
        let refused = scene.delete(&format!("/task/{over}")).await;
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.text(),
            format!("Cannot cancel task {over}: invalid state ({state})")
        );
    }
    assert_eq!(scene.delete("/task/999").await.code(), 10_000);
    let ssh = "{\"command\":\"cleanup\",\"target\":{\"ids\":[],\"indexes\":[]},\"params\":{\"user_regex\":\"x\"}}";
    let ssh = scene
        .send(
            "POST",
            "/deployments/zookeeper/ssh",
            "application/json",
            ssh,
        )
        .await
        .task();
    let vms = scene
        .get("/deployments/zookeeper/vms?format=full")
        .await
        .task();
    let which = "{\"deployment\":\"zookeeper\",\"states\":[\"queued\"],\"types\":[\"ssh\"]}";
    let path = "/tasks/cancel";
    assert_eq!(
        scene
            .send("POST", path, "application/json", which)
            .await
            .status,
        204
    );
    let state = async |id: i64| scene.get(&format!("/tasks/{id}")).await.json()["state"].clone();
    assert_eq!(
        (state(ssh).await, state(vms).await),
        ("cancelling".into(), "queued".into())
    );
    let which = "{\"states\":[\"done\"]}";
    assert_eq!(
        scene
            .send("POST", path, "application/json", which)
            .await
            .status,
        400
    );
    let listed = scene
        .get("/tasks?state=queued,processing&verbose=2&deployment=zookeeper")
        .await
        .json();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["id"]),
        (1, &vms.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_command_has_its_task() {
    let scene = Scene::new().await;
    scene.fill().await;
    let json = "application/json";
    let d = "/deployments/zookeeper";
    let uuid = "0540a9d8-f455-4019-9bc5-f611f3f14ae0";
    let export = "{\"deployment_name\":\"zookeeper\",\"release_name\":\"r\",\"release_version\":\"1\",\
                  \"stemcell_os\":\"o\",\"stemcell_version\":\"2\",\"sha2\":true,\"jobs\":[{\"name\":\"j\"}]}";
    for (method, path, sent, description, kind) in [
        (
            "POST",
            format!("{d}/instance_groups/zookeeper/0/actions/restart"),
            "",
            "restart instance",
            "update_instance",
        ),
        (
            "POST",
            format!("{d}/instance_groups/zookeeper/{uuid}/actions/stop?hard=true"),
            "",
            "stop instance",
            "update_instance",
        ),
        (
            "DELETE",
            "/releases/zookeeper?version=0.0.10%2Blab.1".to_owned(),
            "",
            "delete release: zookeeper/0.0.10+lab.1",
            "delete_release",
        ),
        (
            "POST",
            "/releases/export".to_owned(),
            export,
            "export release: 'r/1' for 'o/2'",
            "export_release",
        ),
        (
            "POST",
            "/releases".to_owned(),
            "{\"location\":\"https://x/y.tgz\",\"sha1\":\"s\"}",
            "create release",
            "update_release",
        ),
        (
            "POST",
            "/stemcells".to_owned(),
            "{\"location\":\"http://x/y.tgz\"}",
            "create stemcell",
            "update_stemcell",
        ),
        (
            "DELETE",
            "/stemcells/s/1?force=true".to_owned(),
            "",
            "delete stemcell: s/1",
            "delete_stemcell",
        ),
        (
            "PUT",
            format!("{d}/problems"),
            "{\"resolutions\":{\"4\":\"recreate_vm\",\"5\":null},\"max_in_flight_overrides\":{\"web\":\"50%\"}}",
            "apply resolutions",
            "cck_apply",
        ),
        (
            "PUT",
            format!("{d}/scan_and_fix"),
            "{\"jobs\":{\"zookeeper\":[\"x\"]}}",
            "scan and fix",
            "cck_scan_and_fix",
        ),
        (
            "DELETE",
            "/vms/a%2Fb".to_owned(),
            "",
            "delete vm a/b",
            "delete_vm",
        ),
        (
            "DELETE",
            "/disks/a%2Fb".to_owned(),
            "",
            "delete orphan disks",
            "delete_orphan_disks",
        ),
        (
            "DELETE",
            "/disks/in-use?orphan=true".to_owned(),
            "",
            "orphan disk",
            "orphan_disk",
        ),
        (
            "PUT",
            format!("/disks/c/attachments?deployment=zookeeper&job=zookeeper&instance_id={uuid}"),
            "",
            &format!("attach disk 'c' to 'zookeeper/{uuid}'"),
            "attach_disk",
        ),
        (
            "POST",
            "/cleanup".to_owned(),
            "{\"config\":{\"remove_all\":true,\"keep_orphaned_disks\":true}}",
            "clean up all",
            "delete_artifacts",
        ),
        (
            "POST",
            format!("{d}/snapshots"),
            "",
            "snapshot deployment",
            "snapshot_deployment",
        ),
        (
            "DELETE",
            format!("{d}/snapshots"),
            "",
            "delete deployment snapshots",
            "delete_deployment_snapshots",
        ),
        (
            "POST",
            format!("{d}/jobs/zookeeper/0/snapshots"),
            "",
            "create snapshot",
            "create_snapshot",
        ),
        (
            "DELETE",
            "/networks/n".to_owned(),
            "",
            "delete orphan networks",
            "delete_orphan_networks",
        ),
    ] {
        let kind_of_body = if sent.is_empty() { "" } else { json };
        let id = scene.send(method, &path, kind_of_body, sent).await.task();
        let task = tasks::find(scene.store.pool(), id).await.unwrap().unwrap();
        assert_eq!(
            (&*task.description, &*task.kind),
            (description, kind),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_in_use_is_not_deleted() {
    let scene = Scene::new().await;
    scene.fill().await;
    let pool = scene.store.pool();
    let deployment = warren_director_store::deployments::find(pool, "zookeeper")
        .await
        .unwrap()
        .unwrap();
    let instance = instances::of_deployment(pool, deployment.id)
        .await
        .unwrap()
        .remove(0);
    let new = disks::New {
        instance_id: instance.id,
        cid: "disk/1",
        name: "",
        size: 1024,
        active: true,
        cloud_properties: "{\"a\":1}",
        cpi: "",
    };
    let disk = disks::create(pool, &new).await.unwrap();
    let refused = scene.delete("/disks/disk%2F1").await;
    assert_eq!((refused.status, refused.code()), (400, 520_000));
    let shown = scene
        .get("/deployments/zookeeper/jobs/zookeeper/0")
        .await
        .json();
    assert_eq!(
        (&shown["disks"][0], &shown["state"]),
        (&"disk/1".into(), &"started".into())
    );
    let mut tx = scene.store.begin().await.unwrap();
    disks::orphan(&mut tx, &disk, Some("z1"), "zookeeper", "zookeeper/x")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let listed = scene.get("/orphan_disks").await.json();
    assert_eq!(
        (&listed[0]["size"], &listed[0]["cloud_properties"]["a"]),
        (&1024.into(), &1.into())
    );
    let dry = scene.get("/cleanup/dryrun?remove_all=true").await.json();
    assert_eq!(dry["orphaned_disks"][0]["disk_cid"], "disk/1");
    assert_eq!(dry["releases"], serde_json::json!([]));
    let dry = scene
        .get("/cleanup/dryrun?remove_all=true&keep_orphaned_disks=true")
        .await
        .json();
    assert_eq!(dry["orphaned_disks"], serde_json::json!([]));
    scene.delete("/disks/disk%2F1").await.task();
    // Ignored instances, and a set of variables.
    let path = "/deployments/zookeeper/instance_groups/zookeeper/0/ignore";
    assert_eq!(
        scene
            .send("PUT", path, "application/json", "{\"ignore\":true}")
            .await
            .status,
        200
    );
    assert!(
        *instances::find(pool, instance.id)
            .await
            .unwrap()
            .unwrap()
            .ignored
    );
    let set = variables::latest_set(pool, deployment.id, false)
        .await
        .unwrap()
        .unwrap();
    variables::pin(pool, set.id, "/a/b", "7").await.unwrap();
    variables::finish_set(pool, set.id, true).await.unwrap();
    let listed = scene.get("/deployments/zookeeper/variables").await;
    assert_eq!(listed.text(), "[{\"id\":\"7\",\"name\":\"/a/b\"}]");
}
