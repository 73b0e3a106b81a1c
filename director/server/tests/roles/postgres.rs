//! A director on PostgreSQL.

use std::fs;

use warren_tests_harness::Postgres;

use crate::scene::{ROLES, Scene};

#[test]
fn a_director_makes_its_database_and_outlives_it() {
    let mut server = Postgres::prepare();
    let url = server.url("warren:the-password", "director");
    let admin = server.url("postgres", "postgres");
    let arguments = [
        "--database",
        &url,
        "--database-admin",
        &admin,
        "--workers",
        "1",
    ];
    let mut scene = Scene::new(&arguments);
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
