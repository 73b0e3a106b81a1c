//! Requests that cannot be done: status, code and text of the refusal.

use serde_json::json;
use warren_director_store::tasks;

use super::scene::Scene;

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
async fn requests_about_instances() {
    let (missing, other, value) = ((400, 40_001), (400, 40_000), (400, 40_005));
    refused(&[
        (
            "POST",
            SSH,
            JSON,
            r#"{"command":"dance","target":{}}"#,
            value,
            "'command' must be setup or cleanup, not 'dance'",
        ),
        (
            "POST",
            SSH,
            JSON,
            r#"{"target":{}}"#,
            missing,
            "Required property 'command' was not specified in object ({\"target\":{}})",
        ),
        (
            "POST",
            SSH,
            JSON,
            r#"{"command":"setup"}"#,
            missing,
            "property 'target' was not",
        ),
        (
            "POST",
            SSH,
            JSON,
            r#"{"command":"setup","target":"web"}"#,
            other,
            "Property 'target' value (\"web\") did not match the required type 'Hash'",
        ),
        (
            "POST",
            SSH,
            JSON,
            r#"{"command":"setup","target":{"ids":"x"}}"#,
            other,
            "'Array'",
        ),
        (
            "POST",
            SSH,
            JSON,
            r#"{"command":"setup","target":{"ids":[{}]}}"#,
            other,
            "'String'",
        ),
        (
            "POST",
            SSH,
            JSON,
            r#"{"command":"setup","target":{},"params":[]}"#,
            other,
            "'params'",
        ),
        (
            "POST",
            RUN,
            JSON,
            r#"{"keep-alive":"yes"}"#,
            other,
            "Property 'keep-alive' value (\"yes\") did not match the required type 'Boolean'",
        ),
        (
            "POST",
            RUN,
            JSON,
            r#"{"instances":{"group":"web"}}"#,
            other,
            "'Array'",
        ),
        (
            "POST",
            RUN,
            JSON,
            r#"{"instances":[{"id":"0"}]}"#,
            missing,
            "'group'",
        ),
        (
            "POST",
            "/deployments/nope/errands/e/runs",
            JSON,
            "{}",
            (404, 70_000),
            "Deployment 'nope' doesn't exist",
        ),
        ("PUT", IGNORE, JSON, "{}", missing, "'ignore'"),
        (
            "PUT",
            IGNORE,
            JSON,
            r#"{"ignore":"true"}"#,
            other,
            "'Boolean'",
        ),
        (
            "PUT",
            "/deployments/zookeeper/instance_groups/zookeeper/9/ignore",
            JSON,
            r#"{"ignore":true}"#,
            (404, 70_001),
            "Instance 'zookeeper/9' in deployment 'zookeeper' doesn't exist",
        ),
        ("PUT", FIX, JSON, "{}", missing, "'jobs'"),
        ("PUT", FIX, JSON, r#"{"jobs":["web"]}"#, other, "'Hash'"),
        (
            "PUT",
            FIX,
            JSON,
            r#"{"jobs":{"web":"x"}}"#,
            other,
            "'Array'",
        ),
        (
            "PUT",
            PROBLEMS,
            JSON,
            r#"{"resolutions":{"1":2}}"#,
            other,
            "'String'",
        ),
        (
            "PUT",
            PROBLEMS,
            JSON,
            r#"{"max_in_flight_overrides":[]}"#,
            other,
            "'Hash'",
        ),
        (
            "GET",
            "/deployments/zookeeper/jobs/zookeeper/0/logs?type=x",
            "",
            "",
            value,
            "'type' must be of job, agent and system, not 'x'",
        ),
        (
            "GET",
            "/deployments/zookeeper/jobs/zookeeper/0/logs?type=job,",
            "",
            "",
            value,
            "'job,'",
        ),
        (
            "GET",
            "/deployments/zookeeper/jobs/web/*/logs",
            "",
            "",
            (404, 70_001),
            "Instance 'web/*' in deployment 'zookeeper' doesn't exist",
        ),
        (
            "POST",
            "/deployments/zookeeper/instance_groups/zookeeper/7/actions/stop",
            "",
            "",
            (404, 70_001),
            "Instance 'zookeeper/7' in deployment 'zookeeper' doesn't exist",
        ),
    ])
    .await;
    let scene = Scene::new().await;
    scene.fill().await;
    let path = "/deployments/zookeeper/instance_groups/zookeeper/0/actions/dance";
    let answer = scene.send("POST", path, "", "").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.text(), format!("Endpoint '{path}' not found."));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_about_the_director() {
    let (missing, other) = ((400, 40_001), (400, 40_000));
    refused(&[
        (
            "PUT",
            "/resurrection",
            JSON,
            "{}",
            missing,
            "'resurrection_paused'",
        ),
        (
            "PUT",
            "/resurrection",
            JSON,
            r#"{"resurrection_paused":1}"#,
            other,
            "'Boolean'",
        ),
        ("POST", "/cleanup", JSON, "{}", missing, "'config'"),
        (
            "POST",
            "/cleanup",
            JSON,
            r#"{"config":true}"#,
            other,
            "'Hash'",
        ),
        (
            "POST",
            "/cleanup",
            JSON,
            r#"{"config":{"remove_all":"true"}}"#,
            other,
            "'remove_all'",
        ),
        (
            "POST",
            "/tasks/cancel",
            JSON,
            r#"{"states":"queued"}"#,
            other,
            "'states'",
        ),
        (
            "POST",
            "/tasks/cancel",
            JSON,
            r#"{"deployment":7}"#,
            other,
            "'deployment'",
        ),
        (
            "PUT",
            "/disks/c/attachments",
            "",
            "",
            missing,
            "'deployment'",
        ),
        (
            "PUT",
            "/disks/c/attachments?deployment=zookeeper",
            "",
            "",
            missing,
            "'job'",
        ),
        (
            "PUT",
            "/disks/c/attachments?deployment=zookeeper&job=zookeeper",
            "",
            "",
            missing,
            "'instance_id'",
        ),
        (
            "PUT",
            "/disks/c/attachments?deployment=nope&job=j&instance_id=x",
            "",
            "",
            (404, 70_000),
            "Deployment 'nope' doesn't exist",
        ),
        (
            "PUT",
            "/disks/c/attachments?deployment=zookeeper&job=zookeeper&instance_id=0",
            "",
            "",
            (400, 520_001),
            "Instance 'zookeeper/0' in deployment 'zookeeper' was not found",
        ),
        (
            "PUT",
            "/disks/c/attachments?deployment=zookeeper&job=zookeeper&instance_id=no-such",
            "",
            "",
            (400, 520_001),
            "Instance 'zookeeper/no-such' in deployment 'zookeeper' was not",
        ),
        (
            "POST",
            "/releases/export",
            JSON,
            "{}",
            missing,
            "'deployment_name'",
        ),
        (
            "POST",
            "/releases/export",
            JSON,
            r#"{"deployment_name":"zookeeper"}"#,
            missing,
            "'release_name'",
        ),
        (
            "POST",
            "/releases/export",
            JSON,
            r#"{"deployment_name":"zookeeper","release_name":"r","release_version":1}"#,
            other,
            "Property 'release_version' value (1) did not match the required type 'String'",
        ),
        (
            "POST",
            "/releases/export",
            JSON,
            r#"{"deployment_name":"nope","release_name":"r","release_version":"1",
                "stemcell_os":"o","stemcell_version":"1"}"#,
            (404, 70_000),
            "Deployment 'nope' doesn't exist",
        ),
        (
            "POST",
            "/packages/matches_compiled",
            YAML,
            "name: x",
            (400, 440_001),
            "Manifest doesn't have a usable packages section",
        ),
        (
            "POST",
            "/packages/matches",
            YAML,
            "packages: {}",
            (400, 440_001),
            "Manifest doesn't have a usable packages section",
        ),
        (
            "GET",
            "/configs?limit=0",
            "",
            "",
            (400, 440_010),
            "'limit' must be larger than zero",
        ),
        (
            "GET",
            "/configs?limit=x",
            "",
            "",
            (400, 440_010),
            "'limit' must be a number",
        ),
        (
            "GET",
            "/configs?latest=1",
            "",
            "",
            (400, 440_010),
            "'latest' must be 'true' or 'false'",
        ),
        (
            "POST",
            "/configs/diff",
            JSON,
            "{}",
            (400, 440_010),
            "The following request formats are allowed:\n1. {\"from\":<config>,\"to\":<config>} ",
        ),
        (
            "POST",
            "/configs/diff",
            JSON,
            r#"{"from":{},"to":{"content":"a: 1"}}"#,
            (400, 440_010),
            "The following request formats are allowed",
        ),
        (
            "POST",
            "/configs/diff",
            JSON,
            r#"{"from":{"id":"99"},"to":{"content":"a: 1"}}"#,
            (404, 440_012),
            "99",
        ),
        (
            "DELETE",
            "/configs",
            "",
            "",
            (400, 440_010),
            "'type' is required",
        ),
        (
            "DELETE",
            "/configs?type=x",
            "",
            "",
            (400, 440_010),
            "'name' is required",
        ),
    ])
    .await;
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
