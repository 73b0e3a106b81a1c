//! Daemons that are killed in the middle of a deploy: it goes on or fails, what runs runs on, the next
//! deploy makes all of it good, and nothing is left over.

use std::fs;
use std::time::Duration;

use warren_tests_harness::Leaks;

use crate::release::manifest;
use crate::scene::Scene;

/// Two machines that are made anew one after the other, `kill` in between; then all is well.
fn survives(at: &str, kill: impl Fn(&mut Scene)) {
    let mut scene = Scene::new();
    let text = manifest(2, "hello", false);
    scene.deploy(&text);
    let file = scene.file("manifest.yml", &text);
    scene.begin(&["deploy", "--recreate", file.to_str().unwrap()]);
    scene.wait_until_begun(at);
    kill(&mut scene);
    scene.settle();
    let begun = fs::read_to_string(scene.at("begun.log")).unwrap();
    scene.deploy(&text);
    scene.assert_running(2);
    for cid in scene.machines() {
        let config = scene.inside(&cid, "cat /var/vcap/jobs/web/config/config");
        assert!(config.starts_with("hello from web/"), "{config}\n{begun}");
    }
    let again = scene.deploy(&text);
    assert!(!again.contains("Updating instance"), "{again}\n{begun}");
    scene.bosh(&["delete-deployment"]);
    scene.bosh(&["clean-up", "--all"]);
    let disks = fs::read_dir(scene.at("cpi/disks")).unwrap();
    let names = disks.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // What is hidden is the CPI's own.
    let left: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    assert_eq!(left, Vec::<String>::new());
    let containers = scene.server.client().list(&Default::default()).unwrap();
    assert_eq!(containers, Vec::<String>::new());
}

/// While machines end and are made.
const EARLY: &str = "executing post-stop";
/// While one is told what to be.
const LATE: &str = "configuring jobs";

fn garden(scene: &mut Scene) {
    scene.server.end("-KILL");
    std::thread::sleep(Duration::from_millis(300));
    scene.server.start();
}

fn bus(scene: &mut Scene) {
    scene.kill_nats();
    std::thread::sleep(Duration::from_millis(300));
    scene.start_nats();
}

#[test]
fn garden_is_killed_while_a_machine_goes() {
    // The whole machine is looked at here only: nothing else can be tested meanwhile.
    let leaks = Leaks::snapshot();
    survives(EARLY, garden);
    leaks.assert_same();
}

#[test]
fn garden_is_killed_while_jobs_come() {
    survives(LATE, garden);
}

#[test]
fn the_bus_is_killed_while_a_machine_goes() {
    survives(EARLY, bus);
}

#[test]
fn the_bus_is_killed_while_jobs_come() {
    survives(LATE, bus);
}

#[test]
fn a_task_is_cancelled_and_another_makes_it_good() {
    survives(EARLY, |scene| {
        let task = scene.rows(&["tasks"])[0]["id"].as_str().unwrap().to_owned();
        scene.bosh(&["cancel-task", &task]);
        scene.settle();
        let ended = scene.rows(&["tasks", "--recent=1"]);
        assert_eq!(ended[0]["state"], "cancelled", "{ended:?}");
        assert_eq!(scene.rows(&["locks"]).len(), 0);
    });
}

#[test]
fn the_director_is_killed_while_machines_are_made() {
    let mut scene = Scene::new();
    let text = manifest(2, "hello", false);
    scene.begin_deploy(&text);
    scene.wait_until_begun("Creating missing vms");
    scene.kill_director();
    scene.start_director();
    scene.settle();
    scene.deploy(&text);
    scene.assert_running(2);
    // A CPI that outlives its director makes a machine that nobody knows.
    let mut known = scene.machines();
    let mut all = scene.server.client().list(&Default::default()).unwrap();
    known.sort();
    all.sort();
    assert_eq!(all, known);
}
