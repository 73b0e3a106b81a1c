//! What becomes of machines and processes that end by themselves, and what operators see of them.

use std::process::Command;

use warren_tests_conformance::firewall::assert_only_agents_reach_monit_and_the_bus;

use crate::release::manifest;
use crate::scene::Scene;

#[test]
fn what_is_killed_comes_back() {
    let scene = Scene::new();
    scene.deploy(&manifest(2, "hello", false));
    let (one, other) = (scene.web(0), scene.web(1));

    // A process: its supervisor starts it again.
    let pid = || scene.inside(&one, "cat /var/vcap/sys/run/web/web.pid 2>/dev/null; true");
    let first = pid();
    scene.inside(&one, &format!("kill -9 {first}"));
    scene.wait("the process does not come back", || {
        let now = pid();
        !now.is_empty() && now != first
    });
    scene.wait_until_running(2);

    // A machine: nobody told the director.
    scene.server.client().destroy(&one).unwrap();
    let file = scene.file("manifest.yml", &manifest(2, "hello", false));
    let said = scene.refused(&["deploy", file.to_str().unwrap()]);
    assert!(said.contains("is gone: 'deploy --fix'"), "{said}");
    let said = scene.refused(&["cloud-check", "--report"]);
    assert!(said.contains("missing_vm"), "{said}");
    assert!(said.contains("1 OK, 0 unresponsive, 1 missing"), "{said}");
    scene.bosh(&["cloud-check", "--auto"]);
    // What it does by itself does not wait for processes.
    scene.wait_until_running(2);
    assert_ne!(scene.web(0), one);
    assert_eq!(scene.web(1), other);
    // With the disk, which has a line of each start.
    let started = scene.inside(&scene.web(0), "wc -l </var/vcap/store/started");
    assert_eq!(started.trim(), "2");
    // And the other way.
    scene.server.client().destroy(&scene.web(1)).unwrap();
    scene.bosh(&["deploy", "--fix", file.to_str().unwrap()]);
    scene.assert_running(2);
    let said = scene.bosh(&["cloud-check", "--report"]);
    assert!(said.contains("2 OK, 0 unresponsive, 0 missing"), "{said}");
}

#[test]
fn logs_are_had() {
    let scene = Scene::new();
    scene.deploy(&manifest(1, "hello", false));
    scene.inside(
        &scene.web(0),
        "mkdir -p /var/vcap/sys/log/web && echo spoken >/var/vcap/sys/log/web/web.stdout.log",
    );
    let to = scene.at("logs");
    std::fs::create_dir(&to).unwrap();
    scene.bosh(&["logs", "web/0", "--dir", to.to_str().unwrap()]);
    let archive = std::fs::read_dir(&to)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let listed = Command::new("tar")
        .arg("-xzOf")
        .arg(archive)
        .arg("./web/web.stdout.log")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "spoken\n");
}

#[test]
fn only_agents_reach_monit_and_the_bus() {
    let scene = Scene::new();
    scene.deploy(&manifest(1, "hello", false));
    let cid = scene.web(0);
    let inside = |script: &str| scene.inside(&cid, script);
    assert_only_agents_reach_monit_and_the_bus(inside, crate::scene::ADDRESS);
    // The agent still reaches both.
    scene.bosh(&["restart", "web/0"]);
    scene.assert_running(1);
}
