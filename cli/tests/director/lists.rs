//! Lists that verbs print: configs, tasks, releases and what else a director has many of, and its events.

use serde_json::json as value;

use crate::server::{Server, json};
use crate::verbs::tty;

#[test]
fn lists_have_the_recorded_bytes() {
    let server = Server::new();
    let done =
        |id: u64, begun: i64, ended: i64, deployment: Option<&str>, what: &str, result: &str| {
            value!({"id": id, "state": "done", "description": what, "timestamp": ended,
            "started_at": begun, "result": result, "user": "admin", "deployment": deployment,
            "context_id": ""})
        };
    let (zk, deploy, path) = (
        Some("zookeeper"),
        "create deployment",
        "/deployments/zookeeper",
    );
    let at = |minute: i64, second: i64| 1_795_311_720 + (minute - 42) * 60 + second;
    let made = "Created release 'zookeeper/0.0.10+lab.1'";
    let recent = value!([
        done(88, at(48, 28), at(48, 28), zk, deploy, path),
        done(87, at(48, 26), at(48, 27), zk, deploy, path),
        done(86, at(44, 18), at(48, 25), zk, deploy, path),
        done(85, at(44, 16), at(44, 17), None, "create release", made),
        done(
            84,
            at(43, 12),
            at(43, 12),
            None,
            "delete release: zookeeper",
            "/release/zookeeper"
        ),
        done(
            83,
            at(42, 57),
            at(43, 11),
            zk,
            "delete deployment zookeeper",
            path
        ),
        done(
            81,
            at(42, 55),
            at(42, 56),
            zk,
            "create deployment (dry run)",
            path
        ),
        done(79, at(42, 44), at(42, 54), zk, deploy, path),
    ]);
    let content = include_str!("fixtures/recorded-cloud-config.txt").trim_start();
    let config = value!([{"content": content, "id": "1", "type": "cloud", "name": "default",
        "team": null, "created_at": "2026-11-22 00:00:03 UTC", "current": true}]);
    let cloud = value!([{"properties": content, "created_at": "2026-11-22 00:00:03 UTC"}]);
    let current = "GET /tasks?state=processing%2Ccancelling%2Cqueued&verbose=2";
    server
        .says("GET /deployments/zookeeper/variables", json("[]"))
        .says(current, json("[]"))
        .says("GET /tasks?verbose=1&limit=10", json(&recent.to_string()))
        .says(
            "GET /configs?latest=true&limit=1",
            json(&config.to_string()),
        )
        .says("GET /cloud_configs?limit=1&name=", json(&cloud.to_string()));
    for (words, text) in [
        (
            &["variables", "-d", "zookeeper"][..],
            include_str!("fixtures/recorded-variables.txt"),
        ),
        (&["tasks"], include_str!("fixtures/recorded-tasks.txt")),
        (
            &["tasks", "--recent=10"],
            include_str!("fixtures/recorded-tasks-recent.txt"),
        ),
        (&["configs"], include_str!("fixtures/recorded-configs.txt")),
        (
            &["cloud-config"],
            include_str!("fixtures/recorded-cloud-config.txt"),
        ),
    ] {
        assert_eq!(tty(&server, words).shown(), text, "{words:?}");
    }
    server.says(
        "GET /deployments/d/variables",
        json(r#"[{"id":"2","name":"/dir/d/b"},{"id":"1","name":"/dir/d/a"}]"#),
    );
    assert_eq!(
        tty(&server, &["variables", "-d", "d"]).shown(),
        "\nUsing deployment 'd'\n\nID  Name  \n1   /dir/d/a  \n2   /dir/d/b  \n\n2 variables\n"
    );
}

#[test]
fn events_show_their_context_as_yaml() {
    let server = Server::new();
    let used = value!({"releases": ["zk/1"], "stemcells": ["s/1.1"]});
    let event = value!({"id": "1198", "parent_id": "1197", "timestamp": 1_795_312_108,
        "user": "admin", "action": "update", "object_type": "deployment", "object_name": "zk",
        "task": "88", "deployment": "zk", "context": {"before": used, "after": used}});
    let lock = value!({"id": "1193", "timestamp": 1_795_312_108, "user": "admin",
        "action": "acquire", "object_type": "lock", "object_name": "lock:deployment:zk",
        "task": "88", "deployment": "zk", "context": {}, "error": "lost"});
    let path = "GET /events?before_id=2000&deployment=zk&task=88&action=update&object_type=lock";
    server
        .says(path, json(&value!([event, lock]).to_string()))
        .says("GET /events/1198", json(&event.to_string()));
    let words = [
        "events",
        "-d",
        "zk",
        "--before-id=2000",
        "--task=88",
        "--action=update",
        "--object-type=lock",
    ];
    let text = tty(&server, &words);
    let lines: Vec<&str> = text.shown().lines().map(str::trim_end).collect();
    // Ten lines, as in the recorded list: the row, and what does not fit beside it.
    assert_eq!(
        lines[1..13]
            .iter()
            .map(|line| line.split("  ").last().unwrap().trim())
            .collect::<Vec<_>>(),
        [
            "Error",
            "-",
            "releases:",
            "- zk/1",
            "stemcells:",
            "- s/1.1",
            "before:",
            "releases:",
            "- zk/1",
            "stemcells:",
            "- s/1.1",
            "lost"
        ]
    );
    assert!(lines[2].starts_with("1198 <- 1197  Sun Nov 22 01:48:28 UTC 2026  admin  update   "));
    assert!(
        lines[2].ends_with(" zk          -         after:        -"),
        "{:?}",
        lines[2]
    );
    assert_eq!(lines.last(), Some(&"2 events"));
    let shown = tty(&server, &["event", "1198"]);
    let one = shown.shown();
    for fact in [
        "ID           1198 <- 1197  \n",
        "Object Name  zk  \n",
        "Context      after:  \n",
    ] {
        assert!(one.contains(fact), "{one}");
    }
}
