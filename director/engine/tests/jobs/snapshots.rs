//! Snapshots of disks: taken on demand and when jobs were stopped, kept with their disk, deleted.

use serde_json::{Value, json};
use warren_director_store::work::{Deploy, InstanceAction, Work};
use warren_director_store::{configs, deployments, disks, instances, snapshots};

use crate::archives::{a_job, release, stemcell};
use crate::deployed::{CLOUD, agents};
use crate::scene::Scene;
use crate::server::{Agent, Server};

const MANIFEST: &str = "
name: d
tags: {team: blue}
releases: [{name: r, version: latest}]
stemcells: [{alias: default, os: debian-bookworm, version: latest}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1-30000, update_watch_time: 1-30000}
instance_groups:
- name: web
  instances: 2
  azs: [z1]
  stemcell: default
  vm_type: default
  persistent_disk: 100
  networks: [{name: default}]
  jobs: [{name: web, release: r}]
";

async fn deployed(takes: bool) -> (Server, Agent, Scene) {
    let server = Server::start();
    let scene = Scene::with(Some(server.url()), takes).await;
    let agent = agents(&server, &scene);
    crate::machines::ready(&scene, &["any"]).await;
    let bytes = stemcell("1.1", "warden-tar", b"an image");
    scene
        .work(Work::UpdateStemcell(scene.upload(&bytes)))
        .await
        .done();
    let bytes = release("r", "1", "c", &[a_job("web", "bbbb", "")]);
    scene
        .work(Work::UpdateRelease(scene.upload(&bytes)))
        .await
        .done();
    let pool = scene.engine.store.pool();
    let cloud = configs::create(pool, "cloud", "default", CLOUD, None)
        .await
        .unwrap();
    deployments::find_or_create(pool, "d", "[]").await.unwrap();
    let deploy = Deploy {
        deployment: "d".to_owned(),
        manifest: Some(MANIFEST.to_owned()),
        cloud_configs: vec![cloud.id],
        ..Deploy::default()
    };
    scene.work(Work::UpdateDeployment(deploy)).await.done();
    (server, agent, scene)
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

fn calls(scene: &Scene, method: &str) -> Vec<Value> {
    let mut calls = scene.cpi_calls();
    calls.retain(|call| call["method"] == method);
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_kept_and_deleted() {
    let (_server, _agent, scene) = deployed(true).await;
    let pool = scene.engine.store.pool();
    let rows = || async { snapshots::of_deployment(pool, 1).await.unwrap() };
    // There was nothing to keep when the machines were new.
    assert!(rows().await.is_empty());
    let ended = scene.work(all()).await.done();
    assert_eq!(ended.result, "snapshots of deployment 'd' created");
    assert_eq!(rows().await.len(), 2);
    let instance = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    let disk = disks::of_instance(pool, instance.id)
        .await
        .unwrap()
        .remove(0);
    let call = calls(&scene, "snapshot_disk").remove(0);
    assert_eq!(call["arguments"][0], disk.disk_cid);
    let mut metadata = call["arguments"][1].clone();
    assert!(metadata["agent_id"].is_string());
    metadata.as_object_mut().unwrap().remove("agent_id");
    assert_eq!(
        metadata,
        json!({"deployment": "d", "job": "web", "index": 0, "director_name": "d",
            "director_uuid": "d-uuid", "instance_id": instance.uuid, "team": "blue"})
    );
    let ended = scene.work(one(&instance.uuid)).await.done();
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
    let ended = scene.work(delete.clone()).await.done();
    assert_eq!(
        ended.result,
        format!("snapshot(s) {} deleted", last.snapshot_cid)
    );
    assert_eq!(scene.work(delete).await.code(), 70_008);
    assert_eq!(
        calls(&scene, "delete_snapshot")[0]["arguments"],
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
    scene.work(stop).await.done();
    let last = rows().await.pop().unwrap();
    assert!(*last.clean && last.instance_id == instance.id);
    // They go with their disk, and with it they are deleted.
    let orphan = |orphan| Work::DeleteDisk {
        cid: disk.disk_cid.clone(),
        orphan,
    };
    scene.work(orphan(true)).await.done();
    assert_eq!(rows().await.len(), 1);
    let before = calls(&scene, "delete_snapshot").len();
    scene.work(orphan(false)).await.done();
    assert_eq!(calls(&scene, "delete_snapshot").len(), before + 2);
    assert_eq!(calls(&scene, "delete_disk").len(), 1);
    let rest = Work::DeleteSnapshots {
        deployment: "d".to_owned(),
    };
    let ended = scene.work(rest).await.done();
    assert_eq!(ended.result, "snapshots of deployment 'd' deleted");
    assert!(rows().await.is_empty());
    assert_eq!(scene.work(one("7")).await.code(), 70_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_none_nothing_is_taken() {
    let (_server, _agent, scene) = deployed(false).await;
    let ended = scene.work(all()).await.done();
    assert_eq!(ended.result, "snapshots of deployment 'd' created");
    let ended = scene.work(one("0")).await.done();
    assert_eq!(ended.result, "snapshot(s)  created");
    assert!(calls(&scene, "snapshot_disk").is_empty());
    let (_server, _agent, scene) = deployed(true).await;
    std::fs::write(scene.directory.path().join("no-snapshots"), "").unwrap();
    let ended = scene.work(one("0")).await.done();
    assert_eq!(ended.result, "snapshot(s)  created");
    assert_eq!(calls(&scene, "snapshot_disk").len(), 1);
}
