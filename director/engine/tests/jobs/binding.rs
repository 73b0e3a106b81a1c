//! Which versions a deploy gets, while others upload and delete.

use std::time::{Duration, Instant};

use warren_director_engine::Worker;
use warren_director_store::work::Work;
use warren_director_store::{locks, releases};

use crate::archives::{a_job, release};
use crate::director::{Director, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_goes_on_or_failed_is_not_the_latest() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    let pool = it.scene.engine.store.pool();
    let row = releases::find(pool, "r").await.unwrap().unwrap();
    releases::create_version(pool, row.id, "2", "c", false)
        .await
        .unwrap();
    it.deploy(&manifest(1, "")).await.done();
    let used = releases::find_version(pool, "r", "1").await.unwrap();
    assert!(used.is_some());

    // One that is asked for by its version is refused for what it is.
    let exact = manifest(1, "").replace("name: r, version: latest", "name: r, version: '2'");
    let ended = it.deploy(&exact).await;
    assert_eq!(ended.code(), 30_006);
    assert!(ended.result.ends_with("; the director has: 1"), "{ended:?}");
    let bytes = release("r", "2", "c", &[a_job("web", "cccc", "")]);
    let upload = Work::UpdateRelease(it.scene.upload(&bytes));
    it.scene.work(upload).await.done();
    it.deploy(&exact).await.done();

    // The old way to name a single one knows no `latest`, as in stock.
    let single = |version: &str| {
        let list = "releases: [{name: r, version: latest}]";
        manifest(1, "").replace(list, &format!("release: {{name: r, version: {version}}}"))
    };
    let ended = it.deploy(&single("latest")).await;
    assert_eq!(ended.code(), 30_006, "{ended:?}");
    assert!(ended.result.contains("r/latest"), "{ended:?}");
    let ended = it.deploy(&single("'2'")).await.done();
    assert_eq!(ended.finished().len(), 3, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_deploy_waits_for_who_has_its_release() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    let store = &it.scene.engine.store;
    let name = "lock:release:r";
    let held = locks::acquire(store, name, None, Duration::ZERO)
        .await
        .unwrap();
    let free = async {
        // Until it waits for nothing but that.
        let begun = Instant::now();
        loop {
            let text = read(&it);
            if text.contains("Preparing deployment") {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!read(&it).contains("Rendering templates"));
        locks::release(store.pool(), name, &held).await.unwrap();
    };
    let text = manifest(1, "");
    let (ended, ()) = tokio::join!(it.deploy(&text), free);
    let log = ended.done().log;
    let told = [
        "waits for lock:release:r, which somebody has\n",
        "has lock:release:r after ",
        "gives lock:release:r back\n",
    ];
    let places: Vec<usize> = told.map(|text| log.find(text).unwrap()).into();
    assert!(places.is_sorted(), "{log}");

    // It is not waited for by who shall not go on.
    let held = locks::acquire(store, name, None, Duration::ZERO)
        .await
        .unwrap();
    let cancel = async {
        let begun = Instant::now();
        while !read(&it).contains("Preparing deployment") || read(&it).contains("Updating") {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        it.cancel().await;
    };
    let begun = Instant::now();
    let (ended, ()) = tokio::join!(it.deploy(&text), cancel);
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    // Who watches is told at once.
    let mut warnings = ended.events.iter();
    assert!(warnings.any(|event| {
        event["type"] == "warning"
            && event["message"]
                .as_str()
                .unwrap()
                .ends_with("is cancelled: it ends when what it has begun is done")
    }));
    locks::release(store.pool(), name, &held).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stemcell_that_is_being_deleted_is_used_by_nobody() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    let delete = Work::DeleteStemcell {
        name: "bosh-warden-boshlite-debian-bookworm".to_owned(),
        version: "1.1".to_owned(),
        force: false,
    };
    let another = tokio::spawn(warren_director_engine::run(
        it.scene.engine.clone(),
        Worker::new(delete.queue(), "another"),
        std::future::pending(),
    ));
    it.stick("delete_stemcell");
    let deploy = async {
        let begun = Instant::now();
        while it.calls("delete_stemcell").is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended = it.deploy(&manifest(1, "")).await;
        it.go_on("delete_stemcell");
        ended
    };
    let (deleted, ended) = tokio::join!(it.scene.work(delete), deploy);
    deleted.done();
    assert_eq!((ended.state.as_str(), ended.code()), ("error", 50_003));
    assert!(
        ended.result.ends_with("; the director has none"),
        "{ended:?}"
    );
    assert!(it.calls("create_vm").is_empty());
    another.abort();
}

/// The events of the newest task.
fn read(it: &Director) -> String {
    use warren_director_store::output::Kind;
    let outputs = &it.scene.engine.outputs;
    let newest = (1..10).rev().find_map(|id| {
        let read = outputs.read(id, Kind::Event, 0).ok()?;
        let (bytes, _) = read?;
        Some(String::from_utf8(bytes).unwrap())
    });
    newest.unwrap_or_default()
}
