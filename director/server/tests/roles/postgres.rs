//! A director on PostgreSQL.

use std::fs;
use std::time::{Duration, Instant};

use warren_tests_harness::Postgres;

use crate::scene::{ROLES, Scene};

/// A scene whose director has one worker and a database of this server, which it makes as its
/// administrator.
fn on(server: &Postgres, scene: impl FnOnce(&[&str]) -> Scene) -> Scene {
    let url = server.url("warren:the-password", "director");
    let admin = server.url("postgres", "postgres");
    scene(&[
        "--database",
        &url,
        "--database-admin",
        &admin,
        "--workers",
        "1",
    ])
}

#[test]
fn a_director_makes_its_database_and_outlives_it() {
    let mut server = Postgres::prepare();
    let mut scene = on(&server, Scene::new);
    // Everybody starts at once, and the database last.
    for role in ROLES {
        scene.start(role);
    }
    server.begin();
    scene.start_nats();
    scene.wait_for_api();
    scene.works("1.0");
    let rows = server.ask(
        "director",
        "SELECT COUNT(*) FROM tasks WHERE state = 'done'",
    );
    assert_eq!(rows, "1");
    assert!(!scene.at("home/director.db").exists());

    // A worker that is killed in the middle: another one goes on.
    fs::write(scene.at("hold"), "").unwrap();
    let (begun, queued) = (scene.upload("2.0"), scene.upload("2.1"));
    scene.wait("a call of the CPI", || {
        scene.log("worker").matches("task_begun").count() == 2
    });
    scene.start("worker 2");
    scene.kill("worker");
    fs::remove_file(scene.at("hold")).unwrap();
    scene.done(begun);
    scene.done(queued);
    let attempts = format!("SELECT attempts FROM tasks WHERE id = {begun}");
    assert_eq!(server.ask("director", &attempts), "2");

    // The database goes and comes back; nobody has to be started again.
    server.stop();
    server.go();
    scene.wait_for_api();
    scene.works("3.0");
    for role in ROLES {
        if role != "worker" {
            scene.kill(role);
            scene.start(role);
        }
    }
    scene.wait_for_api();
    scene.works("3.1");
    assert!(!scene.logs().contains("the-password"), "{}", scene.logs());
}

#[test]
fn a_worker_on_another_home_takes_up_what_a_dead_one_left() {
    let mut server = Postgres::prepare();
    server.begin();
    let mut scene = on(&server, Scene::started);
    scene.start("worker elsewhere");
    let is_begun = |scene: &Scene, name: &str| scene.log(name).contains("type=update_stemcell");
    scene.wait("the other worker", || {
        scene.log("worker elsewhere").contains("started")
    });

    // One that is killed: only its lease tells the other, which is in another home.
    fs::write(scene.at("hold"), "").unwrap();
    let mut task = scene.upload("1.0");
    let names = ["worker", "worker elsewhere"];
    let other = |name: &str| names[usize::from(name == names[0])];
    scene.wait("a worker", || {
        names.iter().any(|name| is_begun(&scene, name))
    });
    let first = names
        .into_iter()
        .find(|name| is_begun(&scene, name))
        .unwrap();
    let begun = Instant::now();
    scene.kill(first);
    scene.wait("another worker", || is_begun(&scene, other(first)));
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
    fs::remove_file(scene.at("hold")).unwrap();
    scene.done(task);
    let attempts = |task: i64| {
        let statement = format!("SELECT attempts FROM tasks WHERE id = {task}");
        server.ask("director", &statement)
    };
    assert_eq!(attempts(task), "2");

    // One that only stands still: when it goes on it lets go of what is another's by then.
    scene.start(first);
    let second = other(first);
    fs::write(scene.at("hold"), "").unwrap();
    let count = |name: &str| {
        scene
            .log(name)
            .matches("type=update_stemcell attempt=")
            .count()
    };
    let before = names.map(count);
    task = scene.upload("2.0");
    scene.wait("a worker", || names.map(count) != before);
    let slow = match count(second) > before[usize::from(second == names[1])] {
        true => second,
        false => first,
    };
    scene.freeze(slow, true);
    let ended = |name: &str| scene.log(name).matches("state=done").count();
    let done = ended(slow);
    let quick = other(slow);
    let at = usize::from(quick == names[1]);
    scene.wait("another worker", || count(quick) > before[at]);
    scene.freeze(slow, false);
    scene.wait("the first to let go", || {
        scene.log(slow).contains("state=lost")
    });
    fs::remove_file(scene.at("hold")).unwrap();
    scene.done(task);
    assert_eq!(attempts(task), "2");
    assert_eq!(ended(slow), done, "{}", scene.log(slow));
}
