//! Lists that verbs print: configs, tasks, releases and what else a director has many of, and its events.

use serde_json::json as value;

use crate::server::{Server, json, started, status};
use crate::verbs::{log, tty};

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
fn long_contexts_are_folded_as_recorded() {
    let server = Server::new();
    // As it came, with other ids.
    let alert = r#"[{"id":"1035","timestamp":1795311639,"user":"hm","action":"create","object_type":"alert","object_name":"f1aca69f-5038-40a7-a749-85f36945824f","deployment":"zookeeper","context":{"message":"director - finish update deployment. Alert @ 2026-11-22 01:40:39 UTC, severity 4: Finish update deployment for 'zookeeper' against Director 'b89ce5c8-fc7e-403a-9842-b3dd4b189012'"}}]"#;
    server.says("GET /events", json(alert));
    let ran = tty(&server, &["events"]);
    let lines: Vec<&str> = ran.shown().lines().map(str::trim_end).collect();
    // Recorded: the row is two lines.
    let row = "1035  Sun Nov 22 01:40:39 UTC 2026  hm    create  alert        \
        f1aca69f-5038-40a7-a749-85f36945824f  -        zookeeper   -         \
        message: 'director - finish update deployment. Alert @ 2026-11-22 01:40:39 UTC, severity";
    assert!(lines[2].starts_with(row), "{lines:#?}");
    assert_eq!(
        lines[3].trim(),
        "4: Finish update deployment for ''zookeeper'' against Director \
         ''b89ce5c8-fc7e-403a-9842-b3dd4b189012'''"
    );
    assert_eq!(lines[4..], ["", "1 events"]);
    let vm = value!({"vm_cid": "c", "job_name": "zk", "index": 0, "id": "u", "ips": [],
        "active": true, "cloud_properties": {"b": "x".repeat(90) + " y", "a": [1, "no"]}});
    server
        .says("GET /deployments/zk/vms?format=full", started(5))
        .has_task(5, "done", "", &vm.to_string());
    let ran = tty(&server, &["vms", "-d", "zk", "--cloud-properties"]);
    let cells: Vec<&str> = ran.shown().lines().map(str::trim).collect();
    for text in ["- \"no\"", &format!("b: {}", "x".repeat(90)), "y"] {
        let has = |line: &&str| line.ends_with(text);
        assert!(cells.iter().any(has), "{text}: {cells:#?}");
    }
}

#[test]
fn more_lists_and_tasks_have_the_recorded_bytes() {
    let server = Server::new();
    let release = value!([{"name": "zookeeper", "release_versions": [{"version": "0.0.10+lab.1",
        "commit_hash": "empty", "uncommitted_changes": true, "currently_deployed": true,
        "job_names": ["zookeeper"]}]}]);
    let orphan = |cid: &str, az: &str, id: &str| {
        value!({"disk_cid": cid, "size": 1024, "az": az, "deployment_name": "zookeeper",
            "instance_name": format!("zookeeper/{id}"), "cloud_properties": {},
            "orphaned_at": "2026-11-22 01:43:01 UTC"})
    };
    let disks = value!([
        orphan(
            "62e04361-d93f-418c-7d60-6606aaeca923",
            "z2",
            "37f56c5c-6420-4a66-aadf-3c930b50590f"
        ),
        orphan(
            "5ae36624-acda-4858-40d2-3855194207b6",
            "z3",
            "2ceb571a-1b26-4365-bb7b-4b116fd33e68"
        ),
        orphan(
            "cff9ee2d-0272-4aed-5e41-f60b613fdd4e",
            "z1",
            "0540a9d8-f455-4019-9bc5-f611f3f14aeb"
        ),
    ]);
    // The manifest is shown as the director has it.
    let manifest = include_str!("fixtures/recorded-manifest.txt");
    let manifest = manifest.split_once("\n\nfeatures").unwrap().1;
    let manifest = value!({ "manifest": format!("features{manifest}") });
    let (ready, compile) = ("Preparing deployment", "Preparing package compilation");
    let step = |stage, task, state| (27, stage, "", task, state, "");
    let noop: Vec<_> = [
        (ready, ready),
        (ready, "Rendering templates"),
        (compile, "Finding packages to compile"),
    ]
    .into_iter()
    .flat_map(|(stage, task)| ["started", "finished"].map(|state| step(stage, task, state)))
    .collect();
    let file = server.file("zk.yml", "name: zookeeper\n");
    let diff = "POST /deployments/zookeeper/diff?redact=true";
    server
        .says("GET /releases", json(&release.to_string()))
        .says("GET /disks", json(&disks.to_string()))
        .says("GET /deployments/zookeeper", json(&manifest.to_string()))
        .has_task(65, "done", include_str!("fixtures/recorded-task.jsonl"), "")
        .says(diff, json(r#"{"diff":[],"context":{}}"#))
        .says("POST /deployments?context=%7B%7D", started(87))
        .has_task(87, "done", &log(&noop), "");
    for (words, text) in [
        (
            &["releases"][..],
            include_str!("fixtures/recorded-releases.txt"),
        ),
        (
            &["disks", "--orphaned"],
            include_str!("fixtures/recorded-disks.txt"),
        ),
        (
            &["manifest", "-d", "zookeeper"],
            include_str!("fixtures/recorded-manifest.txt"),
        ),
        (&["task", "65"], include_str!("fixtures/recorded-task.txt")),
        (
            &["deploy", "-d", "zookeeper", &file],
            include_str!("fixtures/recorded-deploy-noop.txt"),
        ),
    ] {
        assert_eq!(tty(&server, words).shown(), text, "{words:?}");
    }
}

#[test]
fn deploys_show_the_recorded_differences() {
    // What a director was recorded to answer before a first deploy.
    let all: serde_json::Value = serde_json::from_str(include_str!(
        "../../../director/api/tests/api/fixtures/recorded.json"
    ))
    .unwrap();
    let path = "/deployments/zookeeper/diff?redact=true";
    let mut exchanges = all.as_array().unwrap().iter();
    let first = exchanges.find(|one| one["path"] == path).unwrap();
    let server = Server::new();
    let file = server.file("zk.yml", "name: zookeeper\n");
    let words = ["-n", "deploy", "-d", "zookeeper", &file];
    let diff = format!("POST {path}");
    let context = "%7B%22cloud_config_ids%22%3A%5B1%5D%2C%22runtime_config_ids%22%3A%5B%5D%7D";
    server
        .says(&diff, json(first["body"].as_str().unwrap()))
        .says(&format!("POST /deployments?context={context}"), started(86))
        .has_task(86, "done", "", "");
    let ran = tty(&server, &words);
    // The end was not recorded.
    let recorded = include_str!("fixtures/recorded-deploy.txt");
    assert!(ran.shown().starts_with(recorded), "{}", ran.shown());
    assert!(ran.shown().contains("\n+ vm_extensions: []\nTask 86"));
    // And of one that changes little, to its end.
    let (ready, compile) = ("Preparing deployment", "Preparing package compilation");
    let steps: Vec<_> = [
        (ready, ready),
        (ready, "Rendering templates"),
        (compile, "Finding packages to compile"),
    ]
    .into_iter()
    .flat_map(|(stage, task)| ["started", "finished"].map(|state| (28, stage, "", task, state, "")))
    .collect();
    let changed = r#"{"context":{},"diff":[["update:",null],["  max_in_flight: 5","removed"],["  max_in_flight: 2","added"]]}"#;
    server.forgets(&diff);
    server
        .says(&diff, json(changed))
        .says("POST /deployments?context=%7B%7D", started(88))
        .has_task(88, "done", &log(&steps), "");
    assert_eq!(
        tty(&server, &words).shown(),
        include_str!("fixtures/recorded-deploy-diff.txt")
    );
}

#[test]
fn a_director_that_failed_is_looked_for_by_the_request() {
    let server = Server::new();
    server
        .says("GET /locks", status(500, "oops"))
        .says("GET /stemcells", status(404, "gone"));
    let ran = tty(&server, &["locks"]);
    let id = server.asked()[0].headers["x-bosh-request-id"].clone();
    let last = format!("\n\nExit code 1\nIn the director's log: request_id={id}\n");
    assert!(ran.code == 1 && ran.err.ends_with(&last), "{ran:?}");
    // What is the request's own fault is told as the stock command line does, unless more is asked for.
    let ran = tty(&server, &["stemcells"]);
    assert!(ran.err.ends_with("\n\nExit code 1\n"), "{ran:?}");
    let mut command = server.command(&["stemcells"]);
    command.env("BOSH_LOG_LEVEL", "debug");
    let ran = server.ran(command.output().unwrap());
    let told = "\nIn the director's log: request_id=";
    assert!(ran.err.contains(told), "{ran:?}");
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
