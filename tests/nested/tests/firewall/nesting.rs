//! The requirements' nested scenarios. The third, a virtual machine, is in the VM tests.

use std::path::Path;

use warren_tests_harness::{NetNs, Sandbox};
use warren_tests_nested::{Container, Network, View};

use crate::scene::{Scene, play, play_in};

#[test]
fn scenario_1_garden_container_on_the_host() {
    play(View::HostBound);
}

/// Host's cgroups bound in at every level, as the stock CPI does it.
#[test]
fn scenario_2_garden_in_garden_in_garden_with_the_hosts_cgroups() {
    let sandbox = Sandbox::new("scenario2");
    let seen = |sandbox: &Sandbox, path: &str| sandbox.cgroup().join(path);
    let nets = [NetNs::new(), NetNs::new()];
    let first = Container::on(&sandbox, "l1", &nets[0], View::HostBound);
    let second = first.nest("l2", &nets[1], View::HostBound, &seen(&sandbox, "l1/l2"));
    let network = Network::new();
    let third = second.nest("l3", &network.net, View::HostBound, &seen(&sandbox, "l1/l2/l3"));
    let scene = Scene::in_container(sandbox, network, third, "agent");
    play_in(&scene);
    drop((scene, second, first));
}

/// A private cgroup namespace and mount at every level, four deep.
#[test]
fn private_cgroup_namespaces_four_levels_deep() {
    let sandbox = Sandbox::new("private");
    let next = Path::new("/sys/fs/cgroup/next");
    let nets = [NetNs::new(), NetNs::new(), NetNs::new()];
    let first = Container::on(&sandbox, "l1", &nets[0], View::Private);
    let second = first.nest("next", &nets[1], View::Private, next);
    let third = second.nest("next", &nets[2], View::Private, next);
    let network = Network::new();
    let fourth = third.nest("next", &network.net, View::Private, next);
    let scene = Scene::in_container(sandbox, network, fourth, "agent");
    play_in(&scene);
    drop((scene, third, second, first));
}

/// Firewalls of different levels do not know of each other.
#[test]
fn an_agent_at_each_of_two_levels() {
    let sandbox = Sandbox::new("two");
    let (outer_network, inner_network) = (Network::new(), Network::new());
    let outer = Container::on(&sandbox, "l1", &outer_network.net, View::Private);
    let next = Path::new("/sys/fs/cgroup/next");
    let inner = outer.nest("next", &inner_network.net, View::Private, next);
    let inner = Scene::in_container(Sandbox::new("inner"), inner_network, inner, "agent");
    let outer = Scene::in_container(sandbox, outer_network, outer, "agent");
    outer.set_up();
    inner.assert_open();
    inner.set_up();
    inner.assert_protected();
    outer.assert_protected();
    inner.agent.warren(&["firewall", "teardown"]).success();
    outer.assert_protected();
    drop((inner, outer));
}
