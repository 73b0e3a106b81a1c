//! A job that bpm put into a scope of systemd's, and that asks for monit access.

use std::time::Duration;

use warren_tests_harness::{Actor, Connected};
use warren_tests_vm::warren;

use super::scene::{AGENT, FOLDER, MONIT, NATS, Scene, address, firewall};

const SCOPE: &str = "runc-bpm-myjob.scope";
const CGROUP: &str = "/system.slice/runc-bpm-myjob.scope";

/// Starts the scope and a process in it.
#[track_caller]
fn job(scene: &Scene) -> (u64, Actor) {
    // The scope's first process outlives the one that asks systemd for it.
    let start = format!(
        "systemd-run --quiet --scope --unit={SCOPE} setsid sleep infinity \
                         >/dev/null 2>&1 & \
                         until grep -qs . /sys/fs/cgroup{CGROUP}/cgroup.procs; do sleep 0.1; done; \
                         stat -c %i /sys/fs/cgroup{CGROUP}"
    );
    let id = scene.vm.shell(&start).success().stdout;
    (id.trim_end().parse().unwrap(), scene.process_of(CGROUP))
}

#[track_caller]
fn seen(actor: &Actor, place: &str) -> Connected {
    actor.connect(address(place), Duration::from_secs(5))
}

fn elements(scene: &Scene) -> String {
    let set = [
        "nft",
        "list",
        "set",
        "inet",
        "bosh_agent",
        "monit_access_job_ids",
    ];
    scene.vm.run(&set).success().stdout
}

#[test]
fn a_job_in_a_scope_gets_monit_access_and_loses_it_with_its_cgroup() {
    let scene = Scene::new();
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
    let enable = format!("{FOLDER}/bosh-enable-monit-access");

    let (first_id, first) = job(&scene);
    assert_eq!(seen(&first, MONIT), Connected::Refused);
    let said = first.run(&[&enable]).success().stdout;
    assert!(said.contains("'myjob' may now reach monit"), "{said}");
    assert_eq!(seen(&first, MONIT), Connected::Connected);
    assert_eq!(
        seen(&first, NATS),
        Connected::Refused,
        "monit alone was asked for"
    );
    let said = first.run(&[&enable]).success().stdout;
    assert!(said.contains("as before"), "{said}");

    scene.vm.run(&["systemctl", "stop", SCOPE]).success();
    drop(first);
    let (second_id, second) = job(&scene);
    assert_ne!(first_id, second_id, "a cgroup made anew has another id");
    assert_eq!(
        seen(&second, MONIT),
        Connected::Refused,
        "by the access of the old cgroup"
    );
    second.run(&[&enable]).success();
    assert_eq!(seen(&second, MONIT), Connected::Connected);
    let elements = elements(&scene);
    assert_eq!(
        elements.matches("bosh-monit-access:myjob").count(),
        1,
        "{elements}"
    );
    scene.start_unit("sibling.service", "/bin/sleep infinity");
    let other = scene.process_of("/system.slice/sibling.service");
    assert_eq!(
        seen(&other, MONIT),
        Connected::Refused,
        "a process beside the job"
    );

    // Setting up again keeps what jobs were given.
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
    assert_eq!(seen(&second, MONIT), Connected::Connected);
    drop((second, other));
}

#[test]
fn a_process_that_is_no_job_must_name_one() {
    let scene = Scene::new();
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
    let enable = format!("{FOLDER}/bosh-enable-monit-access");
    let process = scene.process_of(AGENT);
    let refused = process.run(&[&enable]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(
        refused.stderr.contains("Remedy: name the job with --job"),
        "{refused:#?}"
    );
    let user = scene.process_of("/init.scope");
    let named = warren(&user, &["firewall", "enable-monit-access", "--job", "mine"]).success();
    assert!(
        named.stdout.contains("'mine' may now reach monit"),
        "{named:#?}"
    );
    assert_eq!(seen(&user, MONIT), Connected::Connected);
    drop((process, user));
}
