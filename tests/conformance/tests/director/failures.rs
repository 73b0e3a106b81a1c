//! What goes wrong, and what is left of it.

use std::time::{Duration, Instant};

use crate::release::manifest;
use crate::scene::Scene;

#[test]
fn a_canary_that_fails_stops_a_deploy() {
    let scene = Scene::new();
    scene.deploy(&manifest(2, "hello", false));
    let file = scene.file("bad.yml", &manifest(2, "bad", true));
    let said = scene.refused(&["deploy", file.to_str().unwrap()]);
    assert!(said.contains("is not running after update"), "{said}");
    assert!(said.contains("Review logs for failed jobs: web"), "{said}");
    // What the command line calls its request is in the log of the agent that was asked for it.
    let id = said.rsplit_once("request_id=").unwrap().1.trim();
    let told = |cid: &String| {
        let log = scene.inside(cid, "cat /var/vcap/bosh/log/current");
        let mut lines = log.lines();
        lines
            .any(|line| line.contains("apply, for ") && line.ends_with(&format!("request_id={id}")))
    };
    assert_eq!(scene.machines().iter().filter(|cid| told(cid)).count(), 1);
    // The other one was not touched.
    let good: usize = scene
        .machines()
        .iter()
        .filter(|cid| {
            scene
                .inside(cid, "cat /var/vcap/jobs/web/config/config")
                .starts_with("hello")
        })
        .count();
    assert_eq!(good, 1);
    // A good manifest repairs it.
    scene.deploy(&manifest(2, "fine", false));
    let running = scene.bosh(&["instances", "--ps"]);
    assert_eq!(running.matches("running").count(), 4, "{running}");
    scene.bosh(&["delete-deployment"]);
}

#[test]
fn a_machine_whose_agent_cannot_start_fails_with_its_agents_words() {
    let scene = Scene::new();
    // An agent that cannot understand what it once wrote does not guess.
    let bosh = scene.server.rootfs.root().join("var/vcap/bosh");
    std::fs::create_dir_all(&bosh).unwrap();
    std::fs::write(bosh.join("spec.json"), "no spec").unwrap();
    let broken = scene.stemcell("1.2");
    scene.bosh(&["upload-stemcell", broken.to_str().unwrap()]);
    let file = scene.file("manifest.yml", &manifest(1, "hello", false));
    let said = scene.refused(&["deploy", file.to_str().unwrap()]);
    for text in [
        "cannot start: ",
        "FATAL: ",
        "The machine's own log ends with:",
        "spec.json does not hold a spec",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert_eq!(scene.machines(), [""; 0]);
    scene.bosh(&["delete-deployment"]);
}

#[test]
fn a_director_that_is_killed_goes_on() {
    let mut scene = Scene::new();
    for pause in [1500, 4000] {
        scene.begin_deploy(&manifest(2, &format!("after-{pause}"), false));
        std::thread::sleep(Duration::from_millis(pause));
        scene.kill_director();
        scene.start_director();
        // Its lease runs out first; then it is done by the one that is there.
        let end = Instant::now() + Duration::from_secs(180);
        loop {
            let tasks = scene.bosh(&["tasks"]);
            if !tasks.contains("processing") && !tasks.contains("queued") {
                break;
            }
            assert!(Instant::now() < end, "{tasks}\n{}", scene.log());
            std::thread::sleep(Duration::from_millis(500));
        }
        scene.deploy(&manifest(2, &format!("after-{pause}"), false));
        assert_eq!(scene.machines().len(), 2);
        let running = scene.bosh(&["instances", "--ps"]);
        assert_eq!(running.matches("running").count(), 4, "{running}");
    }
    scene.bosh(&["delete-deployment"]);
}
