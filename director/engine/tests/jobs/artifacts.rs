//! Machines and disks by their ids, and what nothing uses.

use serde_json::json;
use warren_director_store::work::Work;
use warren_director_store::{blobs, disks, instances, releases, stemcells, vms};

use crate::archives::{a_job, package, release, stemcell};
use crate::machines::{deployment, ready};
use crate::scene::Scene;
use crate::server::{Agent, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_deleted_by_its_id() {
    let scene = Scene::start(None).await;
    let rows = deployment(&scene, &[("zookeeper", 0, Some("a0"))]).await;
    let delete = |cid: &str| Work::DeleteVm {
        cid: cid.to_owned(),
    };
    let ended = scene.work(delete("cid-a0")).await.done();
    assert_eq!(ended.result, "vm cid-a0 deleted");
    let pool = scene.engine.store.pool();
    assert!(vms::list(pool).await.unwrap().is_empty());
    assert!(instances::find(pool, rows[0].0.id).await.unwrap().is_some());
    // One that no row knows may still be in the infrastructure.
    scene.work(delete("unknown")).await.done();
    let calls = scene.cpi_calls();
    let deleted: Vec<_> = calls.iter().map(|call| &call["arguments"][0]).collect();
    assert_eq!(deleted, ["cid-a0", "unknown"]);
}

async fn disk(scene: &Scene, instance: i64, cid: &str) {
    let new = disks::New {
        instance_id: instance,
        cid,
        name: "",
        size: 1024,
        active: true,
        cloud_properties: r#"{"fast":true}"#,
        cpi: "",
    };
    disks::create(scene.engine.store.pool(), &new)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_are_orphaned_attached_and_deleted() {
    let server = Server::start();
    let scene = Scene::start(Some(server.url())).await;
    let agent = Agent::start(&server, "a0", |method, _| match method {
        "list_disk" => json!({"value": ["disk-1"]}),
        _ => json!({"value": "ok"}),
    });
    let rows = deployment(
        &scene,
        &[("zookeeper", 0, Some("a0")), ("zookeeper", 1, None)],
    )
    .await;
    ready(&scene, &["a0"]).await;
    disk(&scene, rows[0].0.id, "disk-1").await;
    let of = |cid: &str, orphan| Work::DeleteDisk {
        cid: cid.to_owned(),
        orphan,
    };
    assert_eq!(scene.work(of("disk-1", false)).await.code(), 520_000);
    let ended = scene.work(of("disk-1", true)).await.done();
    assert_eq!(ended.result, "disk disk-1 orphaned");
    let asked: Vec<String> = agent
        .asked()
        .into_iter()
        .map(|(method, _)| method)
        .collect();
    let end = &asked[asked.len() - 3..];
    assert_eq!(end, ["list_disk", "unmount_disk", "remove_persistent_disk"]);
    let pool = scene.engine.store.pool();
    let orphans = disks::orphans(pool).await.unwrap();
    assert_eq!(
        (
            orphans[0].disk_cid.as_str(),
            orphans[0].deployment_name.as_str()
        ),
        ("disk-1", "zookeeper")
    );

    let attach = |id: &str| Work::AttachDisk {
        cid: "disk-1".to_owned(),
        deployment: "zookeeper".to_owned(),
        job: "zookeeper".to_owned(),
        instance_id: id.to_owned(),
        copy_properties: false,
    };
    let mut other = rows[1].0.clone();
    assert_eq!(scene.work(attach(&other.uuid)).await.code(), 520_003);
    assert_eq!(scene.work(attach("nobody")).await.code(), 520_001);
    other.state = "detached".to_owned();
    instances::save(pool, &other).await.unwrap();
    disk(&scene, other.id, "disk-2").await;
    // One that is not there takes nobody's place.
    let no_disk = scene.directory.path().join("no-disk");
    std::fs::write(&no_disk, "").unwrap();
    let ended = scene.work(attach(&other.uuid)).await;
    assert_eq!(ended.code(), 520_000, "{ended:?}");
    let now = disks::of_instance(pool, other.id).await.unwrap();
    assert_eq!((now.len(), now[0].disk_cid.as_str()), (1, "disk-2"));
    std::fs::remove_file(no_disk).unwrap();
    let ended = scene.work(attach(&other.uuid)).await.done();
    assert_eq!(
        ended.result,
        format!(
            "attached disk 'disk-1' to 'zookeeper/{}' in deployment 'zookeeper'",
            other.uuid
        )
    );
    let now = disks::of_instance(pool, other.id).await.unwrap();
    assert_eq!(
        (now.len(), now[0].disk_cid.as_str(), now[0].size),
        (1, "disk-1", 1024)
    );
    assert_eq!(now[0].cloud_properties, r#"{"fast":true}"#);
    assert_eq!(disks::orphans(pool).await.unwrap()[0].disk_cid, "disk-2");
    let ended = scene.work(of("disk-2", false)).await.done();
    assert_eq!(ended.result, "orphaned disk(s) disk-2 deleted");
    assert!(disks::orphans(pool).await.unwrap().is_empty());
    scene.work(of("unknown", false)).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_uses_is_cleaned_up() {
    let scene = Scene::start(None).await;
    for version in ["1", "2", "3", "10"] {
        let bytes = stemcell(version, "warden-tar", version.as_bytes());
        scene
            .work(Work::UpdateStemcell(scene.upload(&bytes)))
            .await
            .done();
        let members = [package("p", "aaaa", ""), a_job("j", "bbbb", "p")];
        let bytes = release("r", version, "c", &members);
        scene
            .work(Work::UpdateRelease(scene.upload(&bytes)))
            .await
            .done();
    }
    let pool = scene.engine.store.pool();
    let exported = scene.engine.blobs.create(&b"x"[..]).await.unwrap();
    blobs::remember(pool, &exported.id, "x", "exported-release")
        .await
        .unwrap();
    let rows = deployment(&scene, &[("zookeeper", 0, None)]).await;
    disk(&scene, rows[0].0.id, "disk-1").await;
    let orphan = Work::DeleteDisk {
        cid: "disk-1".to_owned(),
        orphan: true,
    };
    scene.work(orphan).await.done();
    let clean = |remove_all, keep_orphaned_disks| Work::CleanUp {
        remove_all,
        keep_orphaned_disks,
    };
    let ended = scene.work(clean(false, false)).await.done();
    assert!(
        ended.output.is_empty()
            && ended
                .result
                .starts_with("Deleted 2 release(s), 2 stemcell(s), "),
        "{ended:?}"
    );
    assert!(
        ended
            .finished()
            .contains(&"Deleting releases: r/1".to_owned()),
        "{ended:?}"
    );
    let left = |rows: Vec<String>| rows.join(" ");
    let versions = || async {
        let rows = releases::versions(pool, "r").await.unwrap();
        left(rows.into_iter().map(|row| row.version).collect())
    };
    assert_eq!(versions().await, "3 10");
    let rows = stemcells::list(pool).await.unwrap();
    assert_eq!(
        left(rows.into_iter().map(|row| row.version).collect()),
        "3 10"
    );
    assert_eq!(disks::orphans(pool).await.unwrap().len(), 1);
    assert_eq!(scene.blobs(), 2);
    scene.work(clean(true, true)).await.done();
    assert_eq!((versions().await.as_str(), scene.blobs()), ("", 0));
    assert_eq!(disks::orphans(pool).await.unwrap().len(), 1);
    scene.work(clean(true, false)).await.done();
    assert!(disks::orphans(pool).await.unwrap().is_empty());
}
