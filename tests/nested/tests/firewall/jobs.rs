//! Jobs that may reach monit.

use std::os::unix::fs::symlink;

use warren_tests_harness::{Actor, Connected, programs};
use warren_tests_nested::{Container, MONIT, NATS, View, assert_reaches};

use crate::scene::Scene;

fn job(container: &Container, cgroup: &str) -> Actor {
    container.process(cgroup).spawn()
}

/// Elements of the set of job ids that carry this job's name.
fn elements_of(scene: &Scene, job: &str) -> usize {
    let list = [
        "nft",
        "list",
        "set",
        "inet",
        "bosh_agent",
        "monit_access_job_ids",
    ];
    let text = scene.network.net.run(&list).success().stdout;
    text.matches(&format!("\"bosh-monit-access:{job}\""))
        .count()
}

#[test]
fn a_job_reaches_monit_once_enabled_and_nothing_else() {
    for view in [View::HostBound, View::Private, View::PrivateNoMount] {
        let scene = Scene::new(view);
        let job = job(&scene.container, "jobs/uaa");
        scene.set_up();
        assert_reaches(&job, "the job", &[MONIT], Connected::Refused);
        job.warren(&["firewall", "enable-monit-access", "--job", "uaa"])
            .success();
        assert_reaches(&job, "the job", &[MONIT], Connected::Connected);
        assert_reaches(&job, "the job", &[NATS], Connected::Refused);
        scene.assert_protected();
        // Asking again changes nothing, and neither does setting up again.
        let again = job.warren(&["firewall", "enable-monit-access", "--job", "uaa", "--json"]);
        assert!(again.success().stdout.contains("\"changed\": false"));
        scene.set_up();
        assert_reaches(&job, "the job", &[MONIT], Connected::Connected);
        assert_eq!(elements_of(&scene, "uaa"), 1);
    }
}

#[test]
fn the_stock_name_of_the_command_and_bpms_name_of_the_job() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let bin = tempfile::tempdir().unwrap();
    let command = bin.path().join("bosh-enable-monit-access");
    symlink(programs::warren(), &command).unwrap();
    let command = command.display().to_string();
    for (cgroup, name) in [
        ("runc-bpm-first.scope", "first"),
        ("system.slice/monit-service-bpm-bpm-second.scope", "second"),
        ("deep/er/bpm-third", "third"),
    ] {
        let job = job(&scene.container, cgroup);
        job.run(&[&command]).success();
        assert_reaches(&job, name, &[MONIT], Connected::Connected);
        assert_eq!(elements_of(&scene, name), 1);
    }
    let unnamed = job(&scene.container, "something");
    let refused = unnamed.run(&[&command]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--job"), "{refused:#?}");
    scene.assert_protected();
}

#[test]
fn a_restarted_job_replaces_its_own_id_alone() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let enable = |job: &Actor, name: &str| {
        job.warren(&["firewall", "enable-monit-access", "--job", name])
            .success();
    };
    let other = job(&scene.container, "other");
    enable(&other, "other");
    let old = job(&scene.container, "old");
    enable(&old, "restarted");
    let new = job(&scene.container, "new/deeper");
    assert_reaches(&new, "the job before it asks", &[MONIT], Connected::Refused);
    enable(&new, "restarted");
    assert_reaches(&new, "the restarted job", &[MONIT], Connected::Connected);
    assert_reaches(&old, "what was the job", &[MONIT], Connected::Refused);
    assert_reaches(&other, "the other job", &[MONIT], Connected::Connected);
    assert_eq!(elements_of(&scene, "restarted"), 1);
}

/// A cgroup of the same name is another cgroup: the entry of the old one lets nobody through.
#[test]
fn a_recreated_cgroup_is_not_let_through_until_it_asks() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let first = job(&scene.container, "again");
    first
        .warren(&["firewall", "enable-monit-access", "--job", "again"])
        .success();
    drop(first);
    warren_tests_harness::remove_dir(scene.container.cgroup.join("again"));
    let second = job(&scene.container, "again");
    assert_reaches(
        &second,
        "the recreated cgroup",
        &[MONIT],
        Connected::Refused,
    );
    second
        .warren(&["firewall", "enable-monit-access", "--job", "again"])
        .success();
    assert_reaches(
        &second,
        "the recreated cgroup",
        &[MONIT],
        Connected::Connected,
    );
}

#[test]
fn without_a_firewall_there_is_nothing_to_enable() {
    let scene = Scene::new(View::Private);
    let refused = scene
        .sibling
        .warren(&["firewall", "enable-monit-access", "--job", "x"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("monit_access_jobs"), "{refused:#?}");
    assert_eq!(scene.stock().0, "");
}

/// The namespace root would let everything through; the fallback to a user is asked for and said.
#[test]
fn a_job_in_the_namespace_root_is_refused_or_let_through_by_its_user() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let before = scene.stock();
    let at_root = scene.container.process("").spawn();
    let ask = ["firewall", "enable-monit-access", "--job", "x"];
    let refused = at_root.warren(&ask);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("root of this cgroup namespace"),
        "{refused:#?}"
    );
    assert_eq!(scene.stock(), before);

    let degraded = at_root
        .warren(&[&ask[..], &["--on-unresolved", "uid"]].concat())
        .success();
    assert!(degraded.stdout.contains("Warning"), "{degraded:#?}");
    assert_reaches(&at_root, "root", &[MONIT], Connected::Connected);
    assert_reaches(
        &scene.unprivileged,
        "another user",
        &[MONIT],
        Connected::Refused,
    );
}

#[test]
fn names_that_a_rule_cannot_carry_are_refused() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let before = scene.stock();
    let long = "x".repeat(101);
    for name in ["", "a b", "a\"b", "a;b", &long] {
        let refused = scene
            .sibling
            .warren(&["firewall", "enable-monit-access", "--job", name]);
        assert_eq!(refused.code, 1, "{name}: {refused:#?}");
        assert_eq!(scene.stock(), before);
    }
}
