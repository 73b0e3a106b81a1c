//! Each role a process, on one home with SQLite.

use std::fs;

use crate::scene::{ROLES, Scene};

#[test]
fn roles_are_started_at_once_and_killed_one_by_one() {
    let mut scene = Scene::started(&[]);
    scene.works("1.0");
    for (number, role) in ROLES.into_iter().enumerate() {
        scene.kill(role);
        scene.start(role);
        scene.wait_for_api();
        scene.works(&format!("2.{number}"));
    }
    // The bus may go as well.
    scene.kill("nats");
    scene.works("3.0");
    scene.start_nats();
    scene.works("3.1");
    for role in ROLES {
        scene.stop(role);
    }
    // What belongs to processes has gone with them; what the killed ones left, their successors removed.
    for (folder, left) in [("home/metrics", 0), ("home/director.db-wake", 0)] {
        let found = fs::read_dir(scene.at(folder)).unwrap().count();
        assert_eq!(found, left, "{folder}");
    }
}

#[test]
fn a_task_and_its_upload_outlive_their_processes() {
    let mut scene = Scene::started(&["--workers", "1"]);
    fs::write(scene.at("hold"), "").unwrap();
    let (begun, queued) = (scene.upload("1.0"), scene.upload("1.1"));
    let called = |scene: &Scene| {
        let all = scene.requests();
        all.iter()
            .filter(|request| request["method"] == "create_stemcell")
            .count()
    };
    scene.wait("a call of the CPI", || called(&scene) == 1);
    for role in ["api", "worker"] {
        scene.kill(role);
    }
    // In both orders somebody starts who could take the uploads for garbage.
    for role in ["scheduler", "api", "worker"] {
        if role == "scheduler" {
            scene.kill(role);
        }
        scene.start(role);
    }
    scene.wait("another call of the CPI", || called(&scene) == 2);
    fs::remove_file(scene.at("hold")).unwrap();
    scene.done(begun);
    scene.done(queued);
    assert!(
        scene.log("worker").contains("attempt=2"),
        "{}",
        scene.logs()
    );
    // Nothing of them is left when others start, and what others are writing stays.
    let writing = |scene: &Scene| {
        let all = fs::read_dir(scene.at("home/blobs/.writing")).unwrap();
        let all: Vec<_> = all
            .map(|folder| folder.unwrap().path().join("half"))
            .collect();
        all
    };
    let halves = writing(&scene);
    assert!(halves.len() > 1, "{halves:?}");
    for half in &halves {
        fs::write(half, "half").unwrap();
    }
    scene.kill("api");
    scene.start("api");
    scene.wait_for_api();
    let still = halves.iter().filter(|half| half.exists()).count();
    assert_eq!(still, halves.len() - 1);
    let mut left = Vec::new();
    for folder in fs::read_dir(scene.at("home/uploads")).unwrap() {
        let folder = folder.unwrap().path();
        left.extend(
            fs::read_dir(&folder)
                .unwrap()
                .map(|file| file.unwrap().path()),
        );
    }
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn another_worker_takes_up_what_a_dead_one_left() {
    let mut scene = Scene::started(&["--workers", "1"]);
    fs::write(scene.at("hold"), "").unwrap();
    let task = scene.upload("1.0");
    scene.wait("a call of the CPI", || {
        scene.log("worker").contains("task_begun")
    });
    scene.start("worker 2");
    scene.kill("worker");
    // Long before its lease is over: they share a home.
    fs::remove_file(scene.at("hold")).unwrap();
    scene.done(task);
    let said = scene.log("worker 2");
    assert!(said.contains("tasks_of_dead_process"), "{said}");
    assert!(said.contains("attempt=2"), "{said}");
}
