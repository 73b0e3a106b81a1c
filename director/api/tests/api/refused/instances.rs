//! Requests about instances, and what is on them.

use super::{FIX, IGNORE, JSON, PROBLEMS, RUN, SSH, YAML, refused};
use crate::scene::Scene;

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
            "PUT",
            "/deployments/zookeeper/jobs/nosuch?state=restart",
            YAML,
            "",
            (404, 70_001),
            "Instance group 'nosuch' in deployment 'zookeeper' doesn't exist; it has: smoke-tests, zookeeper",
        ),
        (
            "PUT",
            "/deployments/zookeeper/jobs/nosuch/0?state=recreate",
            YAML,
            "",
            (404, 70_001),
            "Instance 'nosuch/0' in deployment 'zookeeper' doesn't exist",
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
