//! The requirements' failure modes: here they end in working rules, not in errors.

use warren_tests_harness::{Connected, Sandbox};
use warren_tests_nested::{Container, View, assert_reaches};

use crate::scene::{PLACES, Scene, play, play_in};

#[test]
fn failure_mode_1_no_cgroup_mount_at_all() {
    play(View::NoMount);
}

#[test]
fn failure_mode_1_no_cgroup_mount_in_a_private_namespace() {
    play(View::PrivateNoMount);
}

#[test]
fn failure_mode_2_private_namespace_with_a_mount_of_its_own() {
    play(View::Private);
}

#[test]
fn failure_mode_2_private_namespace_with_the_hosts_mounts() {
    play(View::PrivateWithHostMounts);
}

/// `/proc/self/cgroup` says `0::/` and every other process of the container is below the
/// agent's cgroup, or in it: only an exact match tells them apart.
#[test]
fn failure_mode_2_the_agent_is_in_the_namespace_root() {
    for view in [
        View::Private,
        View::PrivateNoMount,
        View::PrivateWithHostMounts,
    ] {
        let sandbox = Sandbox::new("root");
        let container = Container::on(&sandbox, "container", view);
        assert!(container.actor.cgroup().lines().any(|line| line == "0::/"));
        let scene = Scene::in_container(sandbox, container, "");
        play_in(&scene);
    }
}

#[test]
fn the_stock_meaning_lets_everything_below_the_agent_through() {
    let scene = Scene::new(View::Private);
    let flags = crate::scene::firewall("setup", &["--match", "subtree"]);
    scene.agent.warren(&flags).success();
    assert_reaches(
        &scene.below,
        "below the agent",
        &PLACES,
        Connected::Connected,
    );
    assert_reaches(&scene.sibling, "a sibling", &PLACES, Connected::Refused);
}

#[test]
fn failure_mode_3_v1_mounts_alone_on_a_hybrid_host() {
    play(View::PrivateOnlyV1);
}
