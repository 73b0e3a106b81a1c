//! What is due is done by one task, however many schedulers there are.

use crate::scene::Scene;

#[test]
fn what_is_due_is_done_once() {
    let every = "* * * * * *";
    let events = format!("events={every}");
    let tasks = format!("tasks={every}");
    let arguments = [
        "--schedule",
        &events,
        "--keep-events",
        "1",
        "--schedule",
        &tasks,
        "--keep-tasks",
        "2",
        "--schedule",
        "orphaned-vms=off",
    ];
    let mut scene = Scene::new(&arguments);
    for role in ["api", "worker", "scheduler", "scheduler 2"] {
        scene.start(role);
    }
    scene.start_nats();
    scene.wait_for_api();
    let of = |kind: &str| -> Vec<serde_json::Value> {
        let all = scene.json("/tasks?verbose=2&limit=1000");
        let all = all.as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter(|task| task["description"] == kind)
            .collect()
    };
    // Nothing is there to be cleared: no task is made.
    for number in 0..4 {
        scene.works(&format!("1.{number}"));
    }
    scene.wait("events to be forgotten", || {
        let all = scene.json("/events");
        all.as_array().is_some_and(|all| all.len() <= 1)
    });
    scene.wait("tasks to be forgotten", || {
        let uploads = of("create stemcell");
        uploads.len() == 2 && of("clean up tasks").len() <= 3
    });
    let cleared = of("clean up tasks");
    assert!(!cleared.is_empty());
    for task in &cleared {
        assert_eq!(task["user"], "scheduler");
    }
    // Both looked at the same seconds, and no second was used twice.
    let mut due = std::collections::BTreeMap::new();
    for name in ["scheduler", "scheduler 2"] {
        for line in scene
            .log(name)
            .lines()
            .filter(|line| line.contains(" scheduled "))
        {
            let second = line.split('.').next().unwrap().to_owned();
            let what = line.split("schedule=").nth(1).unwrap();
            let what = what.split(' ').next().unwrap().to_owned();
            *due.entry((second, what)).or_insert(0) += 1;
        }
    }
    assert!(!due.is_empty(), "{}", scene.logs());
    assert!(due.values().all(|count| *count == 1), "{due:?}");
    assert!(
        !scene.logs().contains("schedule_failed"),
        "{}",
        scene.logs()
    );
}
