//! Requests that cannot be done: status, code and text of the refusal.

mod director;
mod instances;

use serde_json::json;
use warren_director_store::tasks;

use crate::scene::Scene;

const JSON: &str = "application/json";
const YAML: &str = "text/yaml";

/// Method, path, type and body; status and code; what the description says.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    (u16, u64),
    &'static str,
);

async fn refused(cases: &[Case]) {
    let scene = Scene::new().await;
    scene.fill().await;
    for (method, path, kind, body, expected, text) in cases {
        let answer = scene.send(method, path, kind, body).await;
        let about = format!("{method} {path} {body}: {}", answer.text());
        assert_eq!((answer.status, answer.code()), *expected, "{about}");
        let described = answer.json()["description"].clone();
        assert!(described.as_str().unwrap().contains(text), "{about}");
    }
    // Nothing of it became a task.
    let all = tasks::list(scene.store.pool(), &tasks::Filter::default())
        .await
        .unwrap();
    assert!(all.is_empty(), "{all:?}");
}

const SSH: &str = "/deployments/zookeeper/ssh";
const RUN: &str = "/deployments/zookeeper/errands/status/runs";
const IGNORE: &str = "/deployments/zookeeper/instance_groups/zookeeper/0/ignore";
const FIX: &str = "/deployments/zookeeper/scan_and_fix";
const PROBLEMS: &str = "/deployments/zookeeper/problems";

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_such_object() {
    let no_object = (400, 40_000);
    for path in [SSH, RUN, "/cleanup", "/tasks/cancel", "/releases/export"] {
        refused(&[
            (
                "POST",
                path,
                JSON,
                "{",
                (400, 710_001),
                "Incorrect JSON structure",
            ),
            (
                "POST",
                path,
                JSON,
                "",
                (400, 710_001),
                "Incorrect JSON structure",
            ),
            ("POST", path, JSON, "[]", no_object, "JSON object expected"),
        ])
        .await;
    }
    for path in [IGNORE, FIX, PROBLEMS, "/resurrection"] {
        refused(&[
            (
                "PUT",
                path,
                JSON,
                "}",
                (400, 710_001),
                "Incorrect JSON structure",
            ),
            ("PUT", path, JSON, "7", no_object, "JSON object expected"),
        ])
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deploys() {
    let before = "recreate_vms_created_before";
    let scene = Scene::new().await;
    scene.fill().await;
    for (query, manifest, status, code, text) in [
        (
            "?context=%7B",
            "name: zookeeper",
            400,
            710_001,
            "Incorrect JSON structure of 'context'",
        ),
        (
            "?context=%7B%22cloud_config_ids%22:%22x%22%7D",
            "name: zookeeper",
            400,
            710_001,
            "Incorrect JSON structure of 'context'",
        ),
        (
            &format!("?{before}=2026-11-22T00:00:00Z"),
            "name: zookeeper",
            400,
            40_005,
            "'recreate_vms_created_before' needs 'recreate'",
        ),
        (
            &format!("?recreate=true&{before}=yesterday"),
            "name: zookeeper",
            400,
            40_005,
            "is no time of RFC 3339: 'yesterday'",
        ),
        (
            "",
            "name: [zookeeper]",
            400,
            40_000,
            "Property 'name' value did not match",
        ),
        (
            "",
            "name: {a: b}",
            400,
            40_000,
            "Property 'name' value did not match",
        ),
        (
            "",
            "name:",
            400,
            40_001,
            "Deployment manifest must have a 'name' key",
        ),
    ] {
        let answer = scene
            .send("POST", &format!("/deployments{query}"), YAML, manifest)
            .await;
        let about = format!("{query} {manifest}: {}", answer.text());
        assert_eq!((answer.status, answer.code()), (status, code), "{about}");
        assert!(
            answer.json()["description"]
                .as_str()
                .unwrap()
                .contains(text),
            "{about}"
        );
    }
    let listed = scene.get("/deployments").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    // A number is a name in YAML's eyes only.
    let named = scene
        .send("POST", "/deployments", YAML, "name: 7")
        .await
        .task();
    let shown = scene.get(&format!("/tasks/{named}")).await.json();
    assert_eq!(shown["deployment"], json!("7"));
}
