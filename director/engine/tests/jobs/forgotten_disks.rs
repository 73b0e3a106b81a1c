//! Disks of workers that died while they were made, and of databases that did not take them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_director_engine::Worker;
use warren_director_store::work::{DynamicDisk, Work};
use warren_director_store::{disk_intents, disks, dynamic_disks, instances, tasks};

use crate::archives::a_job;
use crate::director::{CLOUD, Director, manifest};

/// Waits for something.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn director() -> Director {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.cloud(&format!(
        "{CLOUD}disk_types: [{{name: fast, disk_size: 1}}]\n"
    ))
    .await;
    it
}

fn provide(instance: &str, name: &str) -> Work {
    Work::DynamicDisk(DynamicDisk::Provide {
        instance_id: instance.to_owned(),
        name: name.to_owned(),
        pool: "fast".to_owned(),
        size: 20,
        metadata: None,
    })
}

/// Kills the workers while the CPI makes a disk, and starts others when it has made it; the answer is what
/// the CPI was asked to call it.
async fn kill_while_a_disk_is_made(it: &Director) -> Value {
    it.stick("create_disk");
    let before = it.calls("create_disk").len();
    until("a disk is made", async || {
        it.calls("create_disk").len() > before
    })
    .await;
    it.scene.kill_workers().await;
    it.go_on("create_disk");
    it.scene.start_workers().await;
    it.calls("create_disk")[before]["context"]["warren_disk_cid"].clone()
}

async fn assert_no_intents(it: &Director) {
    let left = disk_intents::left(it.scene.engine.store.pool(), None).await;
    assert_eq!(left.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_of_a_worker_that_died_is_deleted() {
    let it = director().await;
    let text = manifest(1, "  persistent_disk: 100\n");
    let (ended, lost) = tokio::join!(it.deploy(&text), kill_while_a_disk_is_made(&it));
    ended.done();
    let pool = it.scene.engine.store.pool();
    let row = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    let had = disks::of_instance(pool, row.id).await.unwrap();
    assert_eq!(had.len(), 1, "{had:?}");
    assert_eq!(it.calls("create_disk").len(), 2);
    let deleted = it.calls("delete_disk");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["arguments"], json!([lost]));
    assert_no_intents(&it).await;

    let wanted = it.scene.work(provide(&row.uuid, "data"));
    let (ended, lost) = tokio::join!(wanted, kill_while_a_disk_is_made(&it));
    ended.done();
    assert_eq!(dynamic_disks::list(pool).await.unwrap().len(), 1);
    assert_eq!(it.calls("delete_disk")[1]["arguments"], json!([lost]));
    assert_no_intents(&it).await;

    // What no row is made of is deleted at once: here the CPI gives an id twice.
    let disk = dynamic_disks::find(pool, "data").await.unwrap().unwrap();
    let cid = json!(disk.disk_cid);
    let path = it.scene.directory.path().join("disk-cid");
    std::fs::write(path, cid.to_string()).unwrap();
    let failed = it.scene.work(provide(&row.uuid, "other")).await;
    assert_eq!(failed.state, "error", "{failed:?}");
    assert_eq!(it.calls("delete_disk")[2]["arguments"], json!([cid]));
    assert_no_intents(&it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_want_a_disk_of_one_name_get_one_disk() {
    let it = director().await;
    it.deploy(&manifest(1, "")).await.done();
    let pool = it.scene.engine.store.pool();
    let row = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    let wanted = provide(&row.uuid, "data");
    let another = tokio::spawn(warren_director_engine::run(
        it.scene.engine.clone(),
        Worker::new(wanted.queue(), "another"),
        std::future::pending(),
    ));
    it.stick("create_disk");
    let go_on = async {
        until("both are worked on", async || {
            let filter = tasks::Filter {
                states: vec!["processing"],
                ..tasks::Filter::default()
            };
            tasks::list(pool, &filter).await.unwrap().len() == 2
                && !it.calls("create_disk").is_empty()
        })
        .await;
        it.go_on("create_disk");
    };
    let (one, two, ()) = tokio::join!(
        it.scene.work(wanted.clone()),
        it.scene.work(wanted.clone()),
        go_on
    );
    assert_eq!(one.done().output, two.done().output);
    assert_eq!(it.calls("create_disk").len(), 1);
    assert_no_intents(&it).await;
    another.abort();
}
