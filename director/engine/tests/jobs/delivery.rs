//! Rendered templates that are too large for the bus: in the blobstore for as long as they are of use, and
//! never without a row that says whose they are.

use serde_json::Value;
use warren_director_store::instances;
use warren_director_store::work::{StateChange, Work};

use crate::director::{Director, manifest};
use crate::rendered::showing;

/// More than what goes by the bus, whatever is made of it; or next to nothing.
const TEMPLATE: &str = "<%= p('x') %> <% unless p('x') == 'small' %>\
<%= Random.new(1).bytes(900_000).unpack1('H*') %><% end %>";

fn with(x: &str) -> String {
    let job = "{name: web, release: r";
    manifest(1, "").replace(job, &format!("{job}, properties: {{x: {x}}}"))
}

/// How many blobs there are that would not go by the bus.
fn large(it: &Director) -> usize {
    let blobs = it.scene.directory.path().join("blobs");
    let folders = std::fs::read_dir(blobs).unwrap();
    let inside = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let size = inside.map(|file| file.unwrap().metadata().unwrap().len());
    size.filter(|size| *size > 700 << 10).count()
}

/// The blobs that the rows of the first instance name, which are all that there are of the kind.
async fn kept(it: &Director) -> Vec<String> {
    let pool = it.scene.engine.store.pool();
    let row = it.instances().await.remove(0);
    let all = instances::archives(pool, row.id).await.unwrap();
    for one in &all {
        assert!(
            it.scene
                .engine
                .blobs
                .exists(&one.blobstore_id)
                .await
                .unwrap()
        );
    }
    assert_eq!(large(it), all.len());
    all.into_iter().map(|one| one.blobstore_id).collect()
}

/// The blob that agents were sent last with this.
fn sent(it: &Director, method: &str) -> String {
    let mut all = it.asked(method);
    all.retain(|arguments| arguments[0].get("rendered_templates_archive").is_some());
    let last: Value = all.pop().unwrap();
    let archive = &last[0]["rendered_templates_archive"];
    archive["blobstore_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn large_templates_are_kept_once_and_no_longer_than_needed() {
    let it = Director::start().await;
    it.release(&[showing("web", "bbbb", TEMPLATE, "properties: {x: {}}\n")])
        .await;
    it.deploy(&with("one")).await.done();
    let first = kept(&it).await;
    assert_eq!(first, [sent(&it, "apply")]);
    assert!(it.asked("upload_blob").is_empty());
    // The same once more.
    let restart = it.update(|deploy| {
        deploy.change = Some(StateChange {
            state: "restart".to_owned(),
            job: Some("web".to_owned()),
            id: Some("0".to_owned()),
        });
    });
    restart.await.done();
    assert_eq!(it.asked("prepare").len(), 1);
    assert_eq!(kept(&it).await, first);
    // Another: fetched before anything is stopped and again when it is put in place, it is one blob.
    it.deploy(&with("two")).await.done();
    let second = kept(&it).await;
    assert_ne!(first, second);
    assert_eq!(second, [sent(&it, "apply")]);
    assert_eq!(second, [sent(&it, "prepare")]);
    // What never was put in place goes with the next that is.
    it.refuse("apply");
    assert_eq!(it.deploy(&with("three")).await.code(), 450_001);
    assert_eq!(kept(&it).await.len(), 2);
    it.deploy(&with("four")).await.done();
    assert_eq!(kept(&it).await, [sent(&it, "apply")]);
    // What goes by the bus stays nowhere.
    it.deploy(&with("small")).await.done();
    assert_eq!(it.asked("upload_blob").len(), 2);
    assert!(kept(&it).await.is_empty());
    it.deploy(&with("five")).await.done();
    assert_eq!(kept(&it).await.len(), 1);
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    it.scene.work(delete).await.done();
    assert_eq!(large(&it), 0);
}
