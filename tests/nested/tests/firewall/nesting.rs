//! The requirements' nested scenarios. The third, a virtual machine, is in the VM tests.

use std::path::Path;

use warren_tests_harness::Sandbox;
use warren_tests_nested::{Container, View};

use crate::scene::{Scene, play, play_in};

#[test]
fn scenario_1_garden_container_on_the_host() {
    play(View::HostBound);
}

/// Host's cgroups bound in at every level, as the stock CPI does it.
#[test]
fn scenario_2_garden_in_garden_in_garden_with_the_hosts_cgroups() {
    let sandbox = Sandbox::new("scenario2");
    let seen = |path: &str| sandbox.cgroup().join(path);
    let first = Container::on(&sandbox, "l1", View::HostBound);
    let second = first.nest("l2", View::HostBound, &seen("l1/l2"));
    let third = second.nest("l3", View::HostBound, &seen("l1/l2/l3"));
    let scene = Scene {
        _outer: vec![second, first],
        ..Scene::in_container(sandbox, third, "agent")
    };
    play_in(&scene);
}

/// A private cgroup namespace and mount at every level, four deep.
#[test]
fn private_cgroup_namespaces_four_levels_deep() {
    let sandbox = Sandbox::new("private");
    let next = Path::new("/sys/fs/cgroup/next");
    let first = Container::on(&sandbox, "l1", View::Private);
    let second = first.nest("next", View::Private, next);
    let third = second.nest("next", View::Private, next);
    let fourth = third.nest("next", View::Private, next);
    let outer = vec![third, second, first];
    let scene = Scene {
        _outer: outer,
        ..Scene::in_container(sandbox, fourth, "agent")
    };
    play_in(&scene);
}

/// Firewalls of different levels do not know of each other.
#[test]
fn an_agent_at_each_of_two_levels() {
    let sandbox = Sandbox::new("two");
    let outer = Container::on(&sandbox, "l1", View::Private);
    let inner = outer.nest("next", View::Private, Path::new("/sys/fs/cgroup/next"));
    let inner = Scene::in_container(Sandbox::new("inner"), inner, "agent");
    let outer = Scene::in_container(sandbox, outer, "agent");
    outer.set_up();
    inner.assert_open();
    inner.set_up();
    inner.assert_protected();
    outer.assert_protected();
    inner.agent.warren(&["firewall", "teardown"]).success();
    outer.assert_protected();
    drop((inner, outer));
}
