//! Aliases of links: told to name servers, and taken back when nobody wants them any more.

use serde_json::{Value, json};
use warren_director_store::dns;
use warren_director_store::work::Work;

use crate::archives::linked_job;
use crate::director::{Director, manifest};

/// The manifest with these aliases of what its job provides, and of what it provides besides.
fn text(declared: &str, custom: &str) -> String {
    manifest(1, "").replace(
        "jobs: [{name: web, release: r}]",
        &format!(
            "jobs:\n  - name: web\n    release: r\n    \
             custom_provider_definitions: [{{name: own, type: mine, properties: [port]}}]\n    \
             provides:\n      conn: {{as: front, aliases: [{declared}]}}\n      \
             own: {{aliases: [{custom}]}}\n"
        ),
    )
}

/// What agents were told last.
async fn told(it: &Director) -> Value {
    let engine = &it.scene.engine;
    let latest = dns::latest(engine.store.pool()).await.unwrap().unwrap();
    let arguments = it.asked("sync_dns").pop().unwrap();
    assert_eq!(
        arguments,
        json!([latest.blobstore_id, latest.sha1, latest.id])
    );
    let path = engine.blobs.path(&latest.blobstore_id).unwrap();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_come_and_go_with_links() {
    let it = Director::start().await;
    let links = "provides: [{name: conn, type: http}]\n";
    it.release(&[linked_job("web", "bbbb", "", links)]).await;
    let declared = "{domain: web.test, health_filter: all, initial_health_check: synchronous}, \
                    {domain: _.web.test, placeholder_type: uuid}";
    it.deploy(&text(declared, "{domain: own.test}"))
        .await
        .done();
    let pool = it.scene.engine.store.pool();
    let id = async |name: &str| {
        let group = dns::Encoded::Group {
            kind: "link",
            name,
            deployment_id: 1,
        };
        dns::encode(pool, group).await.unwrap().to_string()
    };
    let (front, own) = (id("front-http").await, id("own-mine").await);
    let before = told(&it).await;
    assert_eq!(
        before["aliases"],
        json!({
            "web.test": [{"root_domain": "bosh", "group_id": front, "health_filter": "all",
                "initial_health_check": "synchronous", "placeholder_type": null}],
            "_.web.test": [{"root_domain": "bosh", "group_id": front, "health_filter": null,
                "initial_health_check": null, "placeholder_type": "uuid"}],
            "own.test": [{"root_domain": "bosh", "group_id": own, "health_filter": null,
                "initial_health_check": null, "placeholder_type": null}],
        })
    );
    // The instances of both links are known by the numbers that the aliases stand for.
    let groups = before["record_infos"][0][3].as_array().unwrap();
    assert!(groups.contains(&json!(front)) && groups.contains(&json!(own)));

    // Nothing else has changed, so that no job is touched.
    let stops = it.asked("stop").len();
    it.deploy(&text("{domain: other.test}", "")).await.done();
    let after = told(&it).await;
    let names: Vec<&String> = after["aliases"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["other.test"]);
    assert!(after["version"].as_i64() > before["version"].as_i64());
    assert_eq!(it.asked("stop").len(), stops);
    let published = dns::published(pool).await.unwrap().len();
    it.deploy(&text("{domain: other.test}", "")).await.done();
    assert_eq!(dns::published(pool).await.unwrap().len(), published);

    it.scene
        .work(Work::DeleteDeployment {
            deployment: "d".to_owned(),
            force: false,
        })
        .await
        .done();
    let latest = dns::latest(pool).await.unwrap().unwrap();
    let path = it.scene.engine.blobs.path(&latest.blobstore_id).unwrap();
    let last: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(
        (&last["aliases"], &last["records"]),
        (&json!({}), &json!([]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_needs_a_domain() {
    let it = Director::start().await;
    let links = "provides: [{name: conn, type: http}]\n";
    it.release(&[linked_job("web", "bbbb", "", links)]).await;
    let refused = it.deploy(&text("{health_filter: all}", "")).await;
    assert_eq!(refused.code(), 40_000);
    assert!(
        refused.result.contains("alias of link 'conn'"),
        "{refused:?}"
    );
}
