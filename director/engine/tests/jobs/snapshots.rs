//! Snapshots of disks: taken on demand and when jobs were stopped, kept with their disk, deleted.

use serde_json::json;
use warren_director_store::work::{InstanceAction, Work};
use warren_director_store::{disks, instances, snapshots};

use crate::archives::a_job;
use crate::director::{Director, manifest};

async fn deployed(takes: bool) -> Director {
    let it = Director::with(|config| config.snapshots = takes).await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(2, "  persistent_disk: 100\n"))
        .await
        .done();
    it
}

fn all() -> Work {
    Work::SnapshotDeployment {
        deployment: "d".to_owned(),
    }
}

fn one(id: &str) -> Work {
    Work::CreateSnapshot {
        deployment: "d".to_owned(),
        job: "web".to_owned(),
        id: id.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_kept_and_deleted() {
    let it = deployed(true).await;
    let pool = it.scene.engine.store.pool();
    let rows = || async { snapshots::of_deployment(pool, 1).await.unwrap() };
    // There was nothing to keep when the machines were new.
    assert!(rows().await.is_empty());
    let ended = it.scene.work(all()).await.done();
    assert_eq!(ended.result, "snapshots of deployment 'd' created");
    assert_eq!(rows().await.len(), 2);
    let instance = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    let disk = disks::of_instance(pool, instance.id)
        .await
        .unwrap()
        .remove(0);
    let call = it.calls("snapshot_disk").remove(0);
    assert_eq!(call["arguments"][0], disk.disk_cid);
    let mut metadata = call["arguments"][1].clone();
    assert!(metadata["agent_id"].is_string());
    metadata.as_object_mut().unwrap().remove("agent_id");
    assert_eq!(
        metadata,
        json!({"deployment": "d", "job": "web", "index": 0, "director_name": "d",
            "director_uuid": "d-uuid", "instance_id": instance.uuid, "team": "blue"})
    );
    let ended = it.scene.work(one(&instance.uuid)).await.done();
    let last = rows().await.pop().unwrap();
    assert_eq!(
        ended.result,
        format!("snapshot(s) {} created", last.snapshot_cid)
    );
    assert!(!*last.clean && last.instance_id == instance.id);
    let delete = Work::DeleteSnapshot {
        deployment: "d".to_owned(),
        cid: last.snapshot_cid.clone(),
    };
    let ended = it.scene.work(delete.clone()).await.done();
    assert_eq!(
        ended.result,
        format!("snapshot(s) {} deleted", last.snapshot_cid)
    );
    assert_eq!(it.scene.work(delete).await.code(), 70_008);
    assert_eq!(
        it.calls("delete_snapshot")[0]["arguments"],
        json!([last.snapshot_cid])
    );
    assert_eq!(rows().await.len(), 2);
    // Jobs that are stopped leave a clean one.
    let stop = Work::UpdateInstance(InstanceAction {
        deployment: "d".to_owned(),
        job: "web".to_owned(),
        id: instance.uuid.clone(),
        action: "stop".to_owned(),
        skip_drain: true,
        hard: false,
        ignore_unresponsive_agent: false,
    });
    it.scene.work(stop).await.done();
    let last = rows().await.pop().unwrap();
    assert!(*last.clean && last.instance_id == instance.id);
    // They go with their disk, and with it they are deleted.
    let orphan = |orphan| Work::DeleteDisk {
        cid: disk.disk_cid.clone(),
        orphan,
    };
    it.scene.work(orphan(true)).await.done();
    assert_eq!(rows().await.len(), 1);
    let before = it.calls("delete_snapshot").len();
    it.scene.work(orphan(false)).await.done();
    assert_eq!(it.calls("delete_snapshot").len(), before + 2);
    assert_eq!(it.calls("delete_disk").len(), 1);
    let rest = Work::DeleteSnapshots {
        deployment: "d".to_owned(),
    };
    let ended = it.scene.work(rest).await.done();
    assert_eq!(ended.result, "snapshots of deployment 'd' deleted");
    assert!(rows().await.is_empty());
    assert_eq!(it.scene.work(one("7")).await.code(), 70_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_none_nothing_is_taken() {
    let it = deployed(false).await;
    let ended = it.scene.work(all()).await.done();
    assert_eq!(ended.result, "snapshots of deployment 'd' created");
    let ended = it.scene.work(one("0")).await.done();
    assert_eq!(ended.result, "snapshot(s)  created");
    assert!(it.calls("snapshot_disk").is_empty());
    let it = deployed(true).await;
    std::fs::write(it.scene.directory.path().join("no-snapshots"), "").unwrap();
    let ended = it.scene.work(one("0")).await.done();
    assert_eq!(ended.result, "snapshot(s)  created");
    assert_eq!(it.calls("snapshot_disk").len(), 1);
    // It is told.
    let warning = &ended.events[0];
    assert_eq!(warning["type"], "warning", "{warning}");
    assert!(
        warning["message"]
            .as_str()
            .unwrap()
            .starts_with("No snapshot of disk 'disk-")
    );
}
