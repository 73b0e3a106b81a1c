//! One request through all processes: its id, what was counted, and no secret anywhere.

use serde_json::Value;

use crate::scene::{Scene, task_of};

#[test]
fn a_request_is_followed_through_all_processes() {
    let scene = Scene::started(&["--log-format", "json"]);
    scene.works("1.0");
    let body = format!("@{}", scene.at("stemcell-1.0.tgz").display());
    let answer = scene.curl(
        &[
            "-H",
            "Content-Type: application/x-compressed",
            "-H",
            "X-Bosh-Request-Id: one-request-1",
            "--data-binary",
            &body,
        ],
        "/stemcells?fix=true&secret=in-the-query",
    );
    let task = task_of(&answer);
    scene.done(task);
    let read = || {
        let mut lines = Vec::new();
        for role in crate::scene::ROLES {
            // The last line may not be whole yet.
            for line in scene.log(role).split_inclusive('\n') {
                if !line.ends_with('\n') {
                    continue;
                }
                let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                for key in ["time", "level", "event"] {
                    assert!(line[key].is_string(), "{line}");
                }
                if line["request_id"] == "one-request-1" {
                    lines.push((role, line));
                }
            }
        }
        lines
    };
    // Both are said after what they are about can be seen.
    scene.wait("the ends of the request and of its task to be told", || {
        let lines = read();
        let has = |role: &str, event: &str| {
            let mut all = lines.iter();
            all.any(|(whose, line)| *whose == role && line["event"] == event)
        };
        has("api", "request") && has("worker", "task_ended")
    });
    let lines = read();
    let of = |role: &str, event: &str| -> &Value {
        let mut all = lines.iter();
        let found = all.find(|(whose, line)| *whose == role && line["event"] == event);
        &found
            .unwrap_or_else(|| panic!("{role} {event}: {lines:?}"))
            .1
    };
    let request = of("api", "request");
    assert_eq!(request["method"], "POST");
    assert_eq!(request["path"], "/stemcells");
    assert_eq!(request["status"], 302);
    assert_eq!(request["user"], "admin");
    assert_eq!(request["location"], format!("/tasks/{task}"));
    assert_eq!(of("worker", "task_begun")["type"], "update_stemcell");
    assert_eq!(of("worker", "task_ended")["state"], "done");
    let call = of("worker", "cpi_call");
    assert_eq!(call["task"], task);
    assert_eq!(call["outcome"], "ok");
    // The CPI knows the call by the id that the line has.
    let ids: Vec<String> = scene
        .requests()
        .iter()
        .map(|request| {
            request["context"]["request_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(
        ids.iter()
            .all(|id| id.len() == 10 && id.starts_with("cpi-")),
        "{ids:?}"
    );
    assert!(
        ids.iter().any(|id| call["cpi_request_id"] == id.as_str()),
        "{ids:?}"
    );

    let metrics = scene.metrics("/metrics");
    for start in [
        "bosh_tasks_total{state=",
        "bosh_director_tasks{state=\"done\",type=\"update_stemcell\"} 2",
        "bosh_director_task_duration_seconds_count{type=\"update_stemcell\",state=\"done\",process=\"worker\"} 2",
        "bosh_director_cpi_call_duration_seconds_count{method=\"create_stemcell\",outcome=\"ok\",process=\"worker\"} 2",
    ] {
        // Of the first there are only tasks that wait or go on, and there are none.
        let there = metrics.lines().any(|line| line.starts_with(start));
        assert_eq!(
            there,
            start != "bosh_tasks_total{state=",
            "{start}\n{metrics}"
        );
    }
    let requests = scene.metrics("/api_metrics");
    let line = "http_server_requests_total{code=\"302\",method=\"POST\",path=\"/stemcells\",process=\"api\"} 2";
    assert!(requests.lines().any(|one| one == line), "{requests}");

    let said = format!("{}{metrics}{requests}", scene.logs());
    assert!(!said.contains("in-the-query"));
    let secrets = scene.secrets();
    for (name, secret) in secrets.as_object().unwrap() {
        // The id is no secret.
        if name != "uuid" {
            assert!(!said.contains(secret.as_str().unwrap()), "{name}");
        }
    }
}
