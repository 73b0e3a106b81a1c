//! Disks that requests make for jobs.

use serde_json::{Map, Value, json};
use warren_director_store::work::{DynamicDisk, Work};
use warren_director_store::{dynamic_disks, instances, vms};

use crate::archives::a_job;
use crate::director::{CLOUD, Director, manifest};
use crate::scene::{Ended, Scene};

async fn run(scene: &Scene, wanted: DynamicDisk) -> Ended {
    scene.work(Work::DynamicDisk(wanted)).await
}

fn metadata() -> Option<Map<String, Value>> {
    json!({"volume": "v"}).as_object().cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_are_provided_moved_and_deleted() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.cloud(&format!(
        "{CLOUD}disk_types: [{{name: fast, disk_size: 1, cloud_properties: {{ssd: true}}}}]\n"
    ))
    .await;
    it.deploy(&manifest(2, "")).await.done();
    let scene = &it.scene;
    let pool = scene.engine.store.pool();
    let rows = instances::of_deployment(pool, 1).await.unwrap();
    let cids = async |at: usize| {
        let machines = vms::of_instance(pool, rows[at].id).await.unwrap();
        machines[0].cid.clone().unwrap()
    };
    let asked = |method: &str| it.asked(method);
    let calls = |method: &str| it.calls(method);
    let provide = |at: usize| DynamicDisk::Provide {
        instance_id: rows[at].uuid.clone(),
        name: "data".to_owned(),
        pool: "fast".to_owned(),
        size: 20,
        metadata: metadata(),
    };
    let (first, second) = (cids(0).await, cids(1).await);
    let ended = run(scene, provide(0)).await.done();
    assert_eq!(
        ended.result,
        format!("attached disk `data` to `{first}` in deployment `d`")
    );
    let disk = dynamic_disks::find(pool, "data").await.unwrap().unwrap();
    assert_eq!(
        ended.output,
        format!("{{\"disk_cid\":\"{}\"}}\n", disk.disk_cid)
    );
    assert_eq!(
        calls("create_disk")[0]["arguments"],
        json!([20, {"name": "data", "ssd": true}, first])
    );
    assert_eq!(
        calls("set_disk_metadata")[0]["arguments"],
        json!([disk.disk_cid, {"volume": "v", "director": "d", "deployment": "d"}])
    );
    assert_eq!(
        asked("add_dynamic_disk"),
        [json!([disk.disk_cid, "/dev/x"])]
    );
    assert_eq!(
        (disk.instance.clone(), disk.availability_zone.as_deref()),
        (Some(rows[0].name()), Some("z1"))
    );
    // The same again tells the agent again, and does nothing else.
    run(scene, provide(0)).await.done();
    assert_eq!(
        (calls("create_disk").len(), calls("attach_disk").len()),
        (1, 1)
    );
    assert_eq!(calls("set_disk_metadata").len(), 1);
    assert_eq!(asked("add_dynamic_disk").len(), 2);
    let refused = run(scene, provide(1)).await;
    assert_eq!(
        refused.result,
        format!("disk is attached to a different vm `{first}`")
    );
    let named = |name: &str| name.to_owned();
    let detach = || DynamicDisk::Detach {
        name: named("data"),
    };
    let delete = || DynamicDisk::Delete {
        name: named("data"),
    };
    assert_eq!(run(scene, delete()).await.code(), 100);
    let ended = run(scene, detach()).await.done();
    assert_eq!(
        ended.result,
        format!("detached disk `{}` from vm `{first}`", disk.disk_cid)
    );
    assert_eq!(asked("remove_dynamic_disk"), [json!([disk.disk_cid])]);
    let ended = run(scene, detach()).await.done();
    assert_eq!(
        ended.result,
        format!("disk `{}` was already detached", disk.disk_cid)
    );
    let attach = DynamicDisk::Attach {
        name: named("data"),
        instance_id: rows[1].uuid.clone(),
        metadata: None,
    };
    let ended = run(scene, attach).await.done();
    assert_eq!(
        ended.result,
        format!("attached disk `data` to `{second}` in deployment `d`")
    );
    run(scene, detach()).await.done();
    let ended = run(scene, delete()).await.done();
    assert_eq!(ended.result, format!("deleted disk `{}`", disk.disk_cid));
    let ended = run(scene, delete()).await.done();
    assert_eq!(ended.result, "disk with name `data` was already deleted");

    let create = |name: &str, az: &str, pool: &str, deployment: &str| DynamicDisk::Create {
        deployment: deployment.to_owned(),
        az: az.to_owned(),
        name: name.to_owned(),
        pool: pool.to_owned(),
        size: 5,
        metadata: None,
    };
    let ended = run(scene, create("more", "z1", "fast", "d")).await.done();
    assert_eq!(
        ended.result,
        "created disk `more` in deployment `d` in AZ `z1`"
    );
    for (wanted, said) in [
        (
            create("more", "z1", "fast", "d"),
            "disk `more` already exists",
        ),
        (
            create("x", "z1", "slow", "d"),
            "Could not find disk pool by name `slow`",
        ),
        (create("x", "z1", "fast", "e"), "deployment `e` not found"),
        (
            create("x", "z9", "fast", "d"),
            "no active VM found in deployment `d` in AZ `z9`",
        ),
        (
            DynamicDisk::Detach { name: named("x") },
            "disk `x` can not be found in the database",
        ),
    ] {
        let refused = run(scene, wanted).await;
        assert_eq!((refused.result.as_str(), refused.code()), (said, 100));
    }
    // They go with their deployment.
    let gone = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    scene.work(gone).await.done();
    assert!(dynamic_disks::list(pool).await.unwrap().is_empty());
    assert_eq!(calls("delete_disk").len(), 2);
}
