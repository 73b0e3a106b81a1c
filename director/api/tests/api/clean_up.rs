//! The dry run of a clean-up: what the task would find to delete, by the rules that the task goes by.
//! The task's own tests are those of the engine.

use serde_json::{Value, json};
use warren_director_store::{deployments, dns, releases, stemcells};

use super::scene::Scene;

async fn dry(scene: &Scene, query: &str) -> Value {
    scene.get(&format!("/cleanup/dryrun{query}")).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_count_once_however_many_cpis_have_them() {
    let scene = Scene::new().await;
    let pool = scene.store.pool();
    let mut first = 0;
    for version in ["1", "2", "10", "3"] {
        for cpi in ["a", "b"] {
            let new = stemcells::New {
                name: "s",
                version,
                operating_system: "os",
                cid: &format!("{version}-{cpi}"),
                sha1: "x",
                cpi,
                api_version: None,
            };
            let id = stemcells::put(pool, &new).await.unwrap();
            first = if first == 0 { id } else { first };
        }
    }
    let cids = |dry: &Value| -> Vec<String> {
        let list = dry["stemcells"].as_array().unwrap();
        list.iter()
            .map(|one| one["cid"].as_str().unwrap().to_owned())
            .collect()
    };
    // The two newest versions stay, not the two newest rows.
    assert_eq!(cids(&dry(&scene, "").await), ["1-a", "1-b", "2-a", "2-b"]);
    let all = dry(&scene, "?remove_all=true").await;
    assert_eq!(cids(&all).len(), 8);
    // What one CPI's machines use is used.
    let mut tx = scene.store.begin().await.unwrap();
    let user = deployments::find_or_create(&mut *tx, "d", "[]")
        .await
        .unwrap();
    let what = deployments::Reference::Stemcell;
    deployments::refer(&mut tx, user.id, what, &[first])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(cids(&dry(&scene, "").await), ["2-a", "2-b"]);
    let row = releases::find_or_create(pool, "r").await.unwrap();
    for version in ["1.9", "1.10", "1.2"] {
        releases::create_version(pool, row.id, version, "c", false)
            .await
            .unwrap();
    }
    let found = dry(&scene, "").await;
    assert_eq!(
        found["releases"],
        json!([{"name": "r", "versions": ["1.2"]}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_kept_by_number_and_age() {
    let scene = Scene::new().await;
    let pool = scene.store.pool();
    for number in 0..12 {
        let id = dns::begin_version(pool, 0, 0).await.unwrap();
        dns::publish(pool, id, &format!("blob-{number}"), "x")
            .await
            .unwrap();
    }
    let count = |dry: Value| dry["dns_blobs"].as_array().unwrap().len();
    // They are younger than an hour.
    assert_eq!(count(dry(&scene, "").await), 0);
    assert_eq!(count(dry(&scene, "?remove_all=true").await), 12);
    deployments::find_or_create(pool, "d", "[]").await.unwrap();
    let found = dry(&scene, "?remove_all=true").await;
    assert_eq!(count(found.clone()), 11);
    assert!(!found.to_string().contains("blob-11"), "{found}");
}
