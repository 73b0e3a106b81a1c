//! What is due is done by one task, however many schedulers there are.

use warren_director_store::{Store, disks, dns, orphaned_vms, vms};

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
            // The second that was due; the line may come later.
            let of = |key: &str| {
                let value = line.split(key).nth(1).unwrap();
                value.split(' ').next().unwrap().to_owned()
            };
            *due.entry((of(" due="), of(" schedule="))).or_insert(0) += 1;
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

/// A machine with a disk, and what is left of others: a disk, a machine, rows of names.
async fn leftovers(scene: &Scene) {
    crate::names::machine(scene).await;
    let store = Store::open(scene.at("home/director.db").to_str().unwrap())
        .await
        .unwrap();
    let pool = store.pool();
    let vm = vms::list(pool).await.unwrap().remove(0);
    let lost = vms::Vm {
        cid: Some("lost-vm".to_owned()),
        ..vm.clone()
    };
    orphaned_vms::create(pool, &lost, Some("z1"), "d", "web/0")
        .await
        .unwrap();
    for (cid, active) in [("kept-disk", true), ("lost-disk", false)] {
        let new = disks::New {
            instance_id: vm.instance_id,
            cid,
            name: "",
            size: 1,
            active,
            cloud_properties: "{}",
            cpi: "",
        };
        let disk = disks::create(pool, &new).await.unwrap();
        if !active {
            let mut tx = store.begin().await.unwrap();
            disks::orphan(&mut tx, &disk, None, "d", "web/0")
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    }
    for _ in 0..3 {
        dns::add_tombstone(pool).await.unwrap();
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_taken_and_orphans_deleted_when_due() {
    let mut arguments = vec!["--snapshots", "--keep-orphaned-disks", "0"];
    let settings = [
        "snapshots",
        "orphaned-vms",
        "orphaned-disks",
        "dns-tombstones",
    ]
    .map(|name| format!("{name}=* * * * * *"));
    for setting in &settings {
        arguments.extend(["--schedule", setting]);
    }
    let mut scene = Scene::new(&arguments);
    for role in ["api", "worker"] {
        scene.start(role);
    }
    scene.start_nats();
    scene.wait_for_api();
    leftovers(&scene).await;
    scene.start("scheduler");
    let first = |method: &str| {
        let all = scene.requests();
        let found = all
            .into_iter()
            .find(|request| request["method"] == method)?;
        Some(found["arguments"][0].as_str()?.to_owned())
    };
    for (method, cid) in [
        ("snapshot_disk", "kept-disk"),
        ("delete_vm", "lost-vm"),
        ("delete_disk", "lost-disk"),
    ] {
        scene.wait(method, || first(method).is_some());
        assert_eq!(first(method).as_deref(), Some(cid), "{}", scene.logs());
    }
    scene.wait("rows of names to go", || {
        let all = scene.json("/tasks?verbose=2&limit=1000");
        let mut all = all.as_array().cloned().unwrap_or_default().into_iter();
        all.any(|task| {
            task["description"] == "clean up local dns tombstone records" && task["state"] == "done"
        })
    });
    // Of each that there was nothing more to do of, no further task is made; snapshots go on.
    scene.wait("another snapshot", || {
        let all = scene.requests();
        all.iter()
            .filter(|request| request["method"] == "snapshot_disk")
            .count()
            > 1
    });
    let all = scene.requests();
    for method in ["delete_vm", "delete_disk"] {
        let calls = all.iter().filter(|request| request["method"] == method);
        assert_eq!(calls.count(), 1, "{method}");
    }
}
