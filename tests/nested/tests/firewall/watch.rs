//! The watcher: what others change is put right, what moves is followed.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use warren_tests_harness::{Actor, Background, Connected};
use warren_tests_nested::{MONIT, NATS, View, assert_reaches};

use crate::scene::{PLACES, Scene, firewall};

/// The bound that `warren firewall watch --help` documents for an agent's lock-out.
pub const BOUND: Duration = Duration::from_secs(1);

/// How long a test waits before it says that something never happens.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a watcher in the container's own cgroup, for the agent in the cgroup `agent`.
#[track_caller]
pub fn watch<'a>(watcher: &'a Actor, scene: &Scene, more: &[&str]) -> Background<'a> {
    let flags = [&["--agent-cgroup", "/agent"][..], more].concat();
    let running = watcher.start_warren(&firewall("watch", &flags));
    wait_until_covered(scene);
    running
}

/// The guard's chain comes last: the rules are in force by then.
#[track_caller]
fn wait_until_covered(scene: &Scene) {
    wait_until("the guard covers the ports", || {
        scene.stock().0.contains("chain unjudged")
    });
}

pub fn tables(scene: &Scene) -> String {
    scene
        .network
        .net
        .run(&["nft", "list", "tables"])
        .success()
        .stdout
}

#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_flush_closes_the_ports_until_the_rules_are_back() {
    let scene = Scene::new(View::Private);
    let watcher = scene.container.process("").spawn();
    let running = watch(&watcher, &scene, &[]);
    scene.assert_protected();
    for flush in [
        &["nft", "flush", "ruleset"][..],
        &["nft", "flush", "table", "inet", "bosh_agent"],
        &["nft", "delete", "table", "inet", "bosh_agent"],
        &[
            "nft",
            "flush",
            "chain",
            "inet",
            "bosh_agent",
            "monit_access",
        ],
    ] {
        scene.network.net.run(flush).success();
        assert_reaches(
            &scene.sibling,
            "a sibling after a flush",
            &PLACES,
            Connected::Refused,
        );
        wait_until("the agent is back", || {
            let reached = |place: &&str| {
                scene
                    .agent
                    .connect(warren_tests_nested::address(place), BOUND)
                    == Connected::Connected
            };
            PLACES.iter().all(reached)
        });
        scene.assert_protected();
    }
    let output = running.finish(Some(Signal::TERM), PATIENCE);
    assert!(output.stdout.contains("Restored the rules"), "{output:#?}");
    // The rules outlive the watcher, its guard does not.
    scene.assert_protected();
    assert!(!tables(&scene).contains("warren_guard"));
}

#[test]
fn an_agent_in_a_cgroup_made_anew_is_let_through_again() {
    let mut scene = Scene::new(View::Private);
    let watcher = scene.container.process("").spawn();
    let running = watch(&watcher, &scene, &[]);
    for _ in 0..5 {
        scene.below = scene.container.process("moved").spawn();
        scene.agent = scene.container.process("moved").spawn();
        let agent = scene.container.cgroup.join("agent");
        warren_tests_harness::remove_dir(agent.join("below"));
        warren_tests_harness::remove_dir(&agent);
        scene.agent = scene.container.process("agent").spawn();
        scene.below = scene.container.process("agent/below").spawn();
        wait_until("the new agent is let through", || {
            scene
                .agent
                .connect(warren_tests_nested::address(MONIT), BOUND)
                == Connected::Connected
        });
        scene.assert_protected();
    }
    drop(running);
}

#[test]
fn a_second_watcher_is_refused_and_the_first_one_stays() {
    let scene = Scene::new(View::Private);
    let watcher = scene.container.process("").spawn();
    let running = watch(&watcher, &scene, &[]);
    let second = scene
        .sibling
        .warren(&firewall("watch", &["--agent-cgroup", "/agent"]));
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains("another watcher"), "{second:#?}");
    scene.assert_protected();
    drop(running);
}

#[test]
fn after_kill_9_the_rules_stay_and_a_new_watcher_takes_over() {
    let scene = Scene::new(View::Private);
    let watcher = scene.container.process("").spawn();
    for _ in 0..5 {
        let running = watch(&watcher, &scene, &[]);
        running.finish(Some(Signal::KILL), PATIENCE);
        wait_until("the guard goes with its watcher", || {
            !tables(&scene).contains("warren_guard")
        });
        scene.assert_protected();
    }
}

/// A host that moves is followed without a gap; one that no longer resolves keeps its rules.
#[test]
fn nats_hosts_are_resolved_again_and_never_lost() {
    let scene = Scene::new(View::Private);
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    let say = |text: &str| std::fs::write(&hosts, text).unwrap();
    say("10.99.0.1 moving.bosh\n10.99.0.1 staying.bosh\n");
    // A mount namespace of the watcher's own gives it a hosts file of its own.
    let script = format!(
        "mount --bind {} /etc/hosts && exec '{}' firewall watch --agent-cgroup /agent \
         --resolve-every 1 --nats moving.bosh:4222 --nats staying.bosh:4223",
        hosts.display(),
        warren_tests_harness::programs::warren().display(),
    );
    let watcher = scene.container.process("").spawn();
    let running = watcher.start(&["unshare", "-m", "sh", "-c", &script]);
    wait_until_covered(&scene);
    assert_reaches(&scene.sibling, "a sibling", &[NATS], Connected::Refused);

    say("10.99.0.77 moving.bosh\n");
    let rules = || scene.stock().0;
    wait_until("the moved host is followed", || {
        rules().contains("10.99.0.77")
    });
    let text = rules();
    assert!(
        !text.contains("ip daddr 10.99.0.1 tcp dport 4222"),
        "{text}"
    );
    assert!(text.contains("ip daddr 10.99.0.1 tcp dport 4223"), "{text}");
    drop(running);
}
