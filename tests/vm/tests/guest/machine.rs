//! The machine is what the other tests take it for.

use std::net::Ipv4Addr;
use std::time::Duration;

use warren_tests_harness::{ActorBuilder, Connected};
use warren_tests_vm::Turn;

use crate::scene::RETRY;

#[test]
fn systemd_came_up() {
    let turn = Turn::take();
    let vm = turn.vm();
    let state = vm.run(&["systemctl", "is-system-running", "--wait"]);
    let failed = vm.run(&["systemctl", "--failed", "--no-legend"]).stdout;
    assert_eq!(state.stdout, "running\n", "failed units:\n{failed}");
    vm.run(&["systemctl", "is-active", "multi-user.target"])
        .success();
}

#[test]
fn there_is_nothing_but_cgroup_v2() {
    let turn = Turn::take();
    let vm = turn.vm();
    let kind = vm
        .run(&["stat", "-fc", "%T", "/sys/fs/cgroup"])
        .success()
        .stdout;
    assert_eq!(kind, "cgroup2fs\n");
    let controllers = vm.actor().read("/sys/fs/cgroup/cgroup.controllers");
    for controller in ["cpu", "cpuset", "io", "memory", "pids"] {
        assert!(
            controllers
                .split_whitespace()
                .any(|each| each == controller),
            "{controllers}"
        );
    }
    assert_eq!(
        vm.actor().cgroup(),
        "0::/system.slice/warren-agent.service\n"
    );
}

#[test]
fn the_warren_executable_runs_there() {
    let output = Turn::take().run(&["/warren", "--help"]).success();
    assert!(output.stdout.contains("warren"), "{output:?}");
}

#[test]
fn containers_can_be_made_there() {
    let turn = Turn::take();
    let vm = turn.vm();
    let outer = "/sys/fs/cgroup/warren-test-outer";
    vm.actor().make_directory(outer);
    let first = ActorBuilder::contained()
        .cgroup(outer)
        .fresh_cgroup2()
        .spawn_in(vm.actor());
    first.make_directory("/sys/fs/cgroup/inner");
    let second = ActorBuilder::contained()
        .cgroup("/sys/fs/cgroup/inner")
        .fresh_cgroup2()
        .spawn_in(&first);
    assert_eq!(second.cgroup(), "0::/\n");
    let address = second.listen((Ipv4Addr::LOCALHOST, 2822));
    assert_eq!(
        second.connect(address, Duration::from_secs(5)),
        Connected::Connected
    );
    drop(second);
    drop(first);
    // Whoever was in them ends in its own time.
    vm.shell(&format!(
        "{RETRY} retry rmdir {outer}/inner && retry rmdir {outer}"
    ))
    .success();
}

#[test]
fn the_console_is_kept() {
    let turn = Turn::take();
    let vm = turn.vm();
    let console = std::fs::read_to_string(vm.console()).unwrap();
    assert!(console.contains("Linux version 6."), "{console}");
}
