//! What a task writes into its event log, read as it is: clients are strict about it.
//!
//! ```text
//! {"time":1700000002,"stage":"Updating instance","tags":["web"],"total":2,"task":"web/ID (0) (canary)",
//!  "index":1,"state":"in_progress","progress":30,"data":{"status":"stopping jobs"}}
//! ```

use std::collections::BTreeMap;

use serde_json::Value;
use warren_tests_conformance::environment::text;

use crate::scene::Scene;

/// What is said while an instance with a machine is updated, and how far that is, in percent.
pub const UPDATED: &[(&str, u64)] = &[
    ("executing pre-stop", 5),
    ("executing drain", 10),
    ("stopping jobs", 30),
    ("executing post-stop", 40),
    ("installing packages", 50),
    ("configuring jobs", 60),
    ("executing pre-start", 70),
    ("starting jobs", 90),
    ("executing post-start", 100),
];

/// The same where the machine was just made: it has nothing to stop, and stock directors stop it all the
/// same.
pub const NEW: &[(&str, u64)] = &[
    ("installing packages", 10),
    ("configuring jobs", 20),
    ("executing pre-start", 30),
    ("starting jobs", 50),
    ("executing post-start", 60),
];

/// Asserts that the last deploy, of so many instances, told of these steps of each and of these stages, with
/// numbers and tags as stock directors do.
#[track_caller]
pub fn assert_told(
    scene: &Scene,
    instances: usize,
    steps: &[(&'static str, u64)],
    stages: &[&str],
) {
    let tasks = scene.rows(&["tasks", "--recent", "--all"]);
    let deploys = tasks
        .iter()
        .filter(|row| text(row, "description") == "create deployment");
    let id = deploys.map(|row| text(row, "id")).next().unwrap();
    let log = scene.bosh(&["curl", &format!("/tasks/{id}/output?type=event")]);
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut of_task: BTreeMap<(String, String), Vec<&Value>> = BTreeMap::new();
    for event in &events {
        for number in ["time", "total", "index", "progress"] {
            assert!(event[number].is_u64(), "{number}: {event}");
        }
        let key = (text(event, "stage"), text(event, "task"));
        of_task.entry(key).or_default().push(event);
    }
    let mut updated = 0;
    for ((stage, task), events) in &of_task {
        let told: Vec<(&str, &str, u64)> = events
            .iter()
            .map(|event| {
                let status = event["data"]["status"].as_str().unwrap_or_default();
                let state = event["state"].as_str().unwrap();
                (state, status, event["progress"].as_u64().unwrap())
            })
            .collect();
        let mut expected = vec![("started", "", 0)];
        if stage == "Updating instance" {
            updated += 1;
            let steps = steps.iter();
            expected.extend(steps.map(|(status, progress)| ("in_progress", *status, *progress)));
        }
        expected.push(("finished", "", 100));
        assert_eq!(told, expected, "{stage}: {task}: {log}");
        let tags = match stage.as_str() {
            "Updating instance" => serde_json::json!(["web"]),
            _ => serde_json::json!([]),
        };
        let index = &events[0]["index"];
        let is_same = |event: &&&Value| event["tags"] == tags && event["index"] == *index;
        assert_eq!(events.iter().filter(is_same).count(), events.len(), "{log}");
    }
    assert_eq!(updated, instances, "{log}");
    let told: Vec<&str> = of_task.keys().map(|(stage, _)| stage.as_str()).collect();
    for stage in stages {
        assert!(told.contains(stage), "no {stage}: {told:?}");
    }
}
