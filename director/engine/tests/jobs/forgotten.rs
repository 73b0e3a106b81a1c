//! What workers had made that died before they heard of it, and databases did not take: disks, machines,
//! stemcells, compiled packages, logs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_director_engine::Worker;
use warren_director_engine::scheduled::has_work;
use warren_director_store::work::{DynamicDisk, Logs, Scheduled, Work};
use warren_director_store::{
    agent_tasks, disks, dynamic_disks, instances, intents, stemcells, tasks,
};

use crate::archives::{a_job, package, stemcell, tgz};
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

/// Kills the workers while the CPI makes something, and starts others when it has made it; the answer is what
/// the CPI was asked to call it.
async fn kill_while_one_is_made(it: &Director, kind: &str) -> Value {
    let method = format!("create_{kind}");
    it.stick(&method);
    let before = it.calls(&method).len();
    until("one is made", async || it.calls(&method).len() > before).await;
    it.scene.kill_workers().await;
    it.go_on(&method);
    it.scene.start_workers().await;
    it.calls(&method)[before]["context"][format!("warren_{kind}_cid")].clone()
}

async fn kill_while_a_disk_is_made(it: &Director) -> Value {
    kill_while_one_is_made(it, "disk").await
}

async fn assert_no_intents(it: &Director) {
    let left = intents::left(it.scene.engine.store.pool()).await;
    assert_eq!(left.unwrap(), []);
}

/// Has the CPI take names that it is asked to give.
fn take_names(it: &Director) {
    std::fs::write(it.scene.directory.path().join("takes-names"), "").unwrap();
}

/// The machines that the CPI was asked to delete.
fn deleted(it: &Director) -> Vec<Value> {
    let calls = it.calls("delete_vm").into_iter();
    calls.map(|call| call["arguments"][0].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_disk_of_a_worker_that_died_is_deleted() {
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
pub async fn two_who_want_a_disk_of_one_name_get_one_disk() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_a_worker_that_died_is_deleted() {
    let it = director().await;
    take_names(&it);
    let text = manifest(1, "");
    let (ended, lost) = tokio::join!(it.deploy(&text), kill_while_one_is_made(&it, "vm"));
    ended.done();
    assert_eq!(deleted(&it), [lost]);
    assert_no_intents(&it).await;

    // One that comes to be when nobody looks for it any more: its maker takes longer than the whole deploy.
    let gone = it.scene.directory.path().join("gone");
    std::fs::write(&gone, "").unwrap();
    it.stick("create_vm");
    let calls = || it.calls("create_vm");
    let kill = async {
        until("a machine is made", async || calls().len() == 3).await;
        it.scene.kill_workers().await;
        it.scene.start_workers().await;
        until("another one is made", async || calls().len() == 4).await;
        it.go_on("create_vm");
    };
    let text = manifest(2, "");
    let (ended, ()) = tokio::join!(it.deploy(&text), kill);
    ended.done();
    assert_eq!(deleted(&it).len(), 1);
    std::fs::remove_file(&gone).unwrap();
    let schedule = Work::Scheduled(Scheduled::OrphanedDisks { max_age: 5 });
    it.scene.work(schedule).await.done();
    assert_eq!(
        deleted(&it)[1..],
        [calls()[2]["context"]["warren_vm_cid"].clone()]
    );
    assert_no_intents(&it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cpi_cannot_tell_of_now_is_asked_for_again() {
    let it = director().await;
    // It gives names itself, and refuses any other.
    it.fail("has_vm", Some("CloudError"));
    let text = manifest(1, "");
    let (ended, _) = tokio::join!(it.deploy(&text), kill_while_one_is_made(&it, "vm"));
    ended.done();
    let pool = it.scene.engine.store.pool();
    let schedule = async || {
        let schedule = Work::Scheduled(Scheduled::OrphanedDisks { max_age: 5 });
        it.scene.work(schedule).await.done();
        intents::left(pool).await.unwrap().len()
    };
    assert_eq!(schedule().await, 1);
    let age = sqlx::query("UPDATE intents SET created_at = 1");
    age.execute(pool).await.unwrap();
    // It cannot be run now, as when its host has just come up.
    let broken = it.scene.directory.path().join("breaks-has_vm");
    std::fs::write(&broken, "").unwrap();
    assert_eq!(schedule().await, 1);
    std::fs::remove_file(&broken).unwrap();
    assert_eq!(schedule().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stemcell_of_a_worker_that_died_is_deleted() {
    let it = Director::start().await;
    let bytes = stemcell("1.2", "warden-tar", b"another image");
    let upload = Work::UpdateStemcell(it.scene.upload(&bytes));
    let (ended, lost) = tokio::join!(
        it.scene.work(upload),
        kill_while_one_is_made(&it, "stemcell")
    );
    ended.done();
    let deleted = it.calls("delete_stemcell");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["arguments"], json!([lost]));
    let pool = it.scene.engine.store.pool();
    assert_eq!(stemcells::list(pool).await.unwrap().len(), 2);
    // Whether it is there nobody can tell: it is deleted once more as long as its maker may be at work.
    let schedule = Work::Scheduled(Scheduled::OrphanedDisks { max_age: 5 });
    it.scene.work(schedule).await.done();
    assert_eq!(it.calls("delete_stemcell")[1]["arguments"], json!([lost]));
    let left = intents::left(pool).await.unwrap();
    assert_eq!((left.len(), &json!(left[0].cid)), (1, &lost));
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_was_compiled_for_a_worker_that_died_is_deleted() {
    let it = Director::start().await;
    it.release(&[package("p", "aaaa", ""), a_job("web", "bbbb", "p")])
        .await;
    // The agent has it done when nobody asks any more.
    let runs = json!({"value": {"agent_task_id": "t", "state": "running"}});
    it.answer("compile_package", &[runs]);
    let blobs = &it.scene.engine.blobs;
    let made = blobs.create(tgz(&[("p", b"x")]).as_slice()).await.unwrap();
    let kill = it.kill_at("get_task", async || {
        let result = json!({"blobstore_id": made.id, "sha1": made.sha1});
        it.answer("get_task", &[json!({"value": {"result": result}})]);
    });
    let text = manifest(1, "");
    let (ended, ()) = tokio::join!(it.deploy(&text), kill);
    ended.done();
    assert!(!blobs.exists(&made.id).await.unwrap());
    assert_eq!(it.asked("compile_package").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn logs_that_were_packed_for_a_worker_that_died_are_deleted() {
    let it = director().await;
    it.deploy(&manifest(1, "")).await.done();
    let blobs = &it.scene.engine.blobs;
    let pool = it.scene.engine.store.pool();
    // The agent has them packed when nobody asks any more, and keeps that in mind.
    let fetch = async |cancelled: bool| {
        let runs = json!({"value": {"agent_task_id": "t", "state": "running"}});
        it.answer("fetch_logs", &[runs]);
        let made = blobs.create(b"logs".as_slice()).await.unwrap().id;
        let kill = it.kill_at("get_task", async || {
            let packed = json!({"value": {"blobstore_id": made, "sha1": "s"}});
            it.answer("get_task", &[packed]);
            if cancelled {
                it.cancel().await;
            }
        });
        let logs = Work::FetchLogs(Logs {
            deployment: "d".to_owned(),
            job: "web".to_owned(),
            id: "0".to_owned(),
            kind: "job".to_owned(),
            filters: None,
        });
        let (ended, ()) = tokio::join!(it.scene.work(logs), kill);
        (ended, made)
    };
    let is_there = async |blob: &str| blobs.exists(blob).await.unwrap();

    // Who takes over has them packed anew.
    let (ended, made) = fetch(false).await;
    let ended = ended.done();
    assert_eq!(it.asked("fetch_logs").len(), 2);
    assert!(is_there(&ended.result).await && !is_there(&made).await);
    assert_eq!(agent_tasks::left(pool).await.unwrap(), []);

    // Nobody takes over.
    let (ended, made) = fetch(true).await;
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    assert!(is_there(&made).await);
    let schedule = Scheduled::OrphanedDisks { max_age: 5 };
    let store = &it.scene.engine.store;
    let has_work = async || has_work(store, schedule).await.unwrap();
    assert!(has_work().await);
    it.scene.work(Work::Scheduled(schedule)).await.done();
    assert!(!is_there(&made).await && !has_work().await);

    // The machine goes before that.
    let (ended, made) = fetch(true).await;
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    it.scene.work_on(Some("d"), delete).await.done();
    assert!(!is_there(&made).await && !has_work().await);
}
