//! Configs: versions of them, stale ids, diffs, and the older endpoints.

use serde_json::json;
use warren_director_store::configs;

use super::scene::Scene;

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn versions_come_and_go() {
    let scene = Scene::new().await;
    let config = |content: &str, expected: Option<&str>| {
        json!({"type": "x", "name": "n", "content": content, "expected_latest_id": expected})
            .to_string()
    };
    let first = scene
        .send("POST", "/configs", JSON, &config("a: 1", Some("0")))
        .await;
    assert_eq!(first.status, 201, "{}", first.text());
    let first = first.json();
    let id = first["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&first["current"], &first["team"]),
        (&json!(true), &json!(null))
    );
    let same = scene
        .send("POST", "/configs", JSON, &config("a: 1", None))
        .await;
    assert_eq!((same.status, same.json()["id"].as_str()), (201, Some(&*id)));
    let stale = scene
        .send("POST", "/configs", JSON, &config("a: 2", Some("0")))
        .await;
    assert_eq!(
        (stale.status, stale.json()["latest_id"].as_str()),
        (412, Some(&*id))
    );
    assert_eq!(stale.json()["expected_latest_id"], "0");
    let second = scene
        .send("POST", "/configs", JSON, &config("a: 2", Some(&id)))
        .await
        .json();
    let newest = second["id"].as_str().unwrap();
    assert_eq!(
        scene
            .get("/configs?type=x&latest=true")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let both = scene.get("/configs?type=x&latest=false").await.json();
    assert_eq!(
        (&both[0]["id"], &both[0]["current"], &both[1]["current"]),
        (&json!(newest), &json!(true), &json!(false))
    );
    assert_eq!(
        scene.get(&format!("/configs/{id}")).await.json()["current"],
        false
    );
    let bad = scene
        .send("POST", "/configs", JSON, &config("- a", None))
        .await;
    assert_eq!((bad.status, bad.code()), (400, 440_011));
    let bad = scene
        .send("POST", "/configs", JSON, "{\"type\":\"x\",\"name\":\"n\"}")
        .await;
    assert_eq!(bad.code(), 440_010);
    let diff = json!({"type": "x", "name": "n", "content": "a: 3"}).to_string();
    let diff = scene.send("POST", "/configs/diff", JSON, &diff).await;
    assert_eq!(
        diff.text(),
        format!(
            "{{\"diff\":[[\"a: 2\",\"removed\"],[\"a: 3\",\"added\"]],\"from\":{{\"id\":\"{newest}\"}}}}"
        )
    );
    let diff = json!({"from": {"id": id, "content": ""}, "to": {"id": "", "content": "a: 1"}});
    let diff = scene
        .send("POST", "/configs/diff", JSON, &diff.to_string())
        .await;
    assert_eq!(diff.text(), "{\"diff\":[]}");
    let diff = json!({"from": {"id": "99"}, "to": {"id": "98"}}).to_string();
    let diff = scene.send("POST", "/configs/diff", JSON, &diff).await;
    assert_eq!((diff.status, diff.code()), (404, 440_012));
    assert_eq!(
        scene.delete(&format!("/configs/{newest}")).await.status,
        204
    );
    assert_eq!(
        scene.delete(&format!("/configs/{newest}")).await.code(),
        440_012
    );
    assert_eq!(
        scene.get("/configs?type=x&latest=true").await.json()[0]["id"],
        json!(id)
    );
    assert_eq!(scene.delete("/configs?type=x&name=n").await.status, 204);
    assert_eq!(scene.delete("/configs?type=x&name=n").await.code(), 440_012);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_endpoints_share_the_rows() {
    let scene = Scene::new().await;
    assert_eq!(
        scene.get("/runtime_configs?limit=1&name=").await.text(),
        "[]"
    );
    let path = "/runtime_configs?name=dns";
    let content = "releases:\n- {name: dns, version: '1'}\naddons:\n- name: a\n  jobs:\n  \
                   - name: j\n    release: dns\n    properties: {password: secret}\n";
    let diff = scene
        .send(
            "POST",
            "/runtime_configs/diff?name=dns",
            "text/yaml",
            content,
        )
        .await;
    assert!(
        diff.text().contains("<redacted>") && !diff.text().contains("secret"),
        "{}",
        diff.text()
    );
    let diff = scene
        .send(
            "POST",
            "/runtime_configs/diff?redact=false",
            "text/yaml",
            content,
        )
        .await;
    assert!(diff.text().contains("secret"), "{}", diff.text());
    let cpi = |kind: &str| {
        format!("cpis: [{{name: a, type: {kind}, properties: {{password: secret}}}}]\n")
    };
    let (old, yaml) = ("/cpi_configs", "text/yaml");
    let made = scene.send("POST", old, yaml, &cpi("one")).await;
    assert_eq!(made.status, 201);
    for (kind, expected) in [
        ("one", json!([])),
        (
            "two",
            json!([
                ["cpis:", null],
                ["- name: a", null],
                ["  type: one", "removed"],
                ["  type: two", "added"]
            ]),
        ),
    ] {
        let diff = scene
            .send("POST", "/cpi_configs/diff", yaml, &cpi(kind))
            .await;
        assert_eq!((diff.status, diff.json()["diff"].clone()), (200, expected));
    }
    let refused = scene.send("POST", "/cpi_configs/diff", yaml, "- 1").await;
    assert_eq!((refused.status, refused.code()), (400, 440_001));
    assert_eq!(
        scene.send("POST", path, "text/yaml", content).await.status,
        201
    );
    assert_eq!(
        scene.send("POST", path, "text/yaml", content).await.status,
        201
    );
    assert_eq!(
        scene
            .get("/configs?type=runtime&latest=false")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let shown = scene.get("/runtime_configs?name=dns&limit=5").await.json();
    assert_eq!(shown[0]["properties"], content);
    let latest = content.replace("'1'", "latest");
    let refused = scene.send("POST", path, "text/yaml", &latest).await;
    assert_eq!((refused.status, refused.code()), (400, 530_001));
    let cpis = "cpis:\n- {name: one, type: warden}\n- {name: one, type: warden}\n";
    assert_eq!(
        scene
            .send("POST", "/cpi_configs", "text/yaml", cpis)
            .await
            .code(),
        550_000
    );
    let cpis = "cpis:\n- {name: one, type: warden, migrated_from: [{name: ''}]}\n- {name: two, type: warden}\n";
    assert_eq!(
        scene
            .send("POST", "/cpi_configs", "text/yaml", cpis)
            .await
            .status,
        201
    );
    let needed = async || {
        let wanted = "{\"stemcell\":{\"name\":\"s\",\"version\":\"1\"}}";
        scene
            .send("POST", "/stemcell_uploads", JSON, wanted)
            .await
            .text()
            .to_owned()
    };
    let record = warren_director_store::stemcells::record_upload;
    record(scene.store.pool(), "s", "1", "").await.unwrap();
    assert_eq!(needed().await, "{\"needed\":true}");
    record(scene.store.pool(), "s", "1", "two").await.unwrap();
    assert_eq!(needed().await, "{\"needed\":false}");
    let cloud = "azs: []\nnetworks: [{name: n, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}]\n\
                 compilation: {workers: 1, network: gone, vm_type: v}\nvm_types: [{name: v}]\n";
    // Without azs it is a part of a config that others complete.
    assert_eq!(
        scene
            .send("POST", "/cloud_configs?name=part", "text/yaml", cloud)
            .await
            .status,
        201
    );
    let whole = cloud.replace("azs: []", "azs: [{name: z}]");
    let refused = scene
        .send("POST", "/cloud_configs?name=part", "text/yaml", &whole)
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, 120_001),
        "{}",
        refused.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_yaml_is_a_bad_manifest_at_the_older_endpoints() {
    let scene = Scene::new().await;
    for path in [
        "/cloud_configs",
        "/runtime_configs",
        "/cpi_configs",
        "/cloud_configs/diff",
    ] {
        for content in ["", "- a", "a: ["] {
            let answer = scene.send("POST", path, "text/yaml", content).await;
            assert_eq!(
                (answer.status, answer.code()),
                (400, 440_001),
                "{path} {content}"
            );
        }
    }
    // What is YAML and no such config has the code of what is wrong with it.
    let answer = scene
        .send("POST", "/runtime_configs", "text/yaml", "releases: 1")
        .await;
    assert_eq!(answer.code(), 40_000, "{}", answer.text());
}

/// `USER ACTION TYPE NAME`, and whether it went wrong, oldest first.
async fn events(scene: &Scene) -> Vec<String> {
    let all = scene.get("/events").await.json();
    let mut lines: Vec<String> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap_or("-");
            let what = (
                text("user"),
                text("action"),
                text("object_type"),
                text("object_name"),
            );
            let error = if event["error"].is_null() {
                ""
            } else {
                " failed"
            };
            format!("{} {} {} {}{error}", what.0, what.1, what.2, what.3)
        })
        .collect();
    lines.reverse();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_as_events() {
    let scene = Scene::new().await;
    for (path, content) in [
        ("/cloud_configs", "azs: [{name: z1}]"),
        // The same again is no change.
        ("/cloud_configs", "azs: [{name: z1}]"),
        ("/runtime_configs?name=dns", "releases: []"),
        ("/cpi_configs", "- a"),
    ] {
        scene.send("POST", path, "text/yaml", content).await;
    }
    let config = |content: &str| json!({"type": "x", "name": "n", "content": content}).to_string();
    for content in ["a: 1", "a: 1", "- a"] {
        scene.send("POST", "/configs", JSON, &config(content)).await;
    }
    let stale = json!({"type": "x", "name": "n", "content": "a: 2", "expected_latest_id": "99"});
    let stale = scene
        .send("POST", "/configs", JSON, &stale.to_string())
        .await;
    assert_eq!(stale.status, 412);
    scene.delete("/configs?type=x&name=n").await;
    assert_eq!(
        events(&scene).await,
        [
            "admin update cloud-config default",
            "admin update runtime-config dns",
            "admin update cpi-config default failed",
            "admin create config/x n",
            "admin create config/x n failed",
        ]
    );
}

/// Between reading and writing nobody else reads: who comes second reads what the first has written.
async fn the_second_sees_what_the_first_has_made(scene: &Scene) {
    let mut first = configs::begin(&scene.store).await.unwrap();
    let found = configs::latest(&mut *first, "y", "n").await.unwrap();
    assert!(found.is_none());
    let store = scene.store.clone();
    let second = tokio::spawn(async move {
        let mut second = configs::begin(&store).await.unwrap();
        let found = configs::latest(&mut *second, "y", "n").await.unwrap();
        second.commit().await.unwrap();
        found
    });
    // Time for it to read too early, if it can.
    for _ in 0..100 {
        assert!(!second.is_finished());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let made = configs::create(&mut *first, "y", "n", "a: 1", None)
        .await
        .unwrap();
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), Some(made));
}

/// Everybody thinks that the config is not there yet: one of them is right.
async fn one_wins(scene: &Scene) {
    let post = |number: usize| {
        let content = format!("a: {number}");
        let body = json!({"type": "x", "name": "n", "content": content, "expected_latest_id": "0"});
        async move {
            scene
                .send("POST", "/configs", JSON, &body.to_string())
                .await
                .status
        }
    };
    let (a, b, c, d, e, f) = tokio::join!(post(1), post(2), post(3), post(4), post(5), post(6));
    let mut all = [a, b, c, d, e, f];
    all.sort_unstable();
    assert_eq!(all, [201, 412, 412, 412, 412, 412]);
    let rows = scene.get("/configs?type=x&latest=false").await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_at_once_one_is_first() {
    one_wins(&Scene::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_at_once_one_is_first_on_postgres() {
    let server = warren_tests_harness::Postgres::start();
    for name in ["one", "two", "three"] {
        let scene = Scene::on(Some(server.database(name))).await;
        the_second_sees_what_the_first_has_made(&scene).await;
        one_wins(&scene).await;
    }
}
