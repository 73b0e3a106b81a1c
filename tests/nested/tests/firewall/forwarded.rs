//! What is nested behind the agent's network namespace is not the agent.

use std::io::Write;

use warren_tests_harness::{Actor, ActorBuilder, Connected, NetNs, veth};
use warren_tests_nested::{NATS, SOON, View, address, assert_reaches};

use crate::scene::{Scene, firewall};

/// A container behind the scene's, which forwards for it.
fn behind(scene: &Scene) -> (NetNs, Actor) {
    let inner = NetNs::new();
    veth(
        (&scene.network.net, "inner", Some("10.98.0.1/24")),
        (&inner, "eth0", Some("10.98.0.2/24")),
    );
    inner.route("default", "10.98.0.1");
    scene.network.peer.route("10.98.0.0/24", "10.99.0.2");
    scene.network.net.forward();
    let actor = ActorBuilder::new()
        .cgroup(scene.sandbox.child_cgroup("inner"))
        .join_net(&inner);
    let actor = actor.spawn();
    (inner, actor)
}

#[test]
fn forwarded_traffic_to_nats_is_refused() {
    let scene = Scene::new(View::Private);
    let (_inner, nested) = behind(&scene);
    assert_reaches(
        &nested,
        "nested, without a firewall",
        &[NATS],
        Connected::Connected,
    );
    scene.set_up();
    assert_reaches(&nested, "nested", &[NATS], Connected::Refused);
    scene.assert_protected();
}

#[test]
fn forwarded_traffic_to_nats_is_let_through_when_asked_for() {
    let scene = Scene::new(View::Private);
    let (_inner, nested) = behind(&scene);
    scene.set_up();
    scene
        .agent
        .warren(&firewall("setup", &["--forwarded", "allow"]))
        .success();
    assert_reaches(&nested, "nested", &[NATS], Connected::Connected);
    scene.assert_protected();
}

/// Address translation and `route_localnet` would open monit to the network.
#[test]
fn monit_is_out_of_reach_even_through_address_translation() {
    let scene = Scene::new(View::Private);
    let (_inner, nested) = behind(&scene);
    let net = &scene.network.net;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(
        b"table ip door {
            chain pre { type nat hook prerouting priority dstnat; tcp dport 9999 dnat to 127.0.0.1:2822; }
            chain out { type nat hook output priority -100; tcp dport 9999 dnat to 127.0.0.1:2822; }
          }",
    )
    .unwrap();
    net.run(&["nft", "-f", &file.path().display().to_string()])
        .success();
    net.inside(|| std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1"))
        .unwrap();
    let door = address("10.98.0.1:9999");
    assert_eq!(nested.connect(door, SOON), Connected::Connected);
    assert_eq!(scene.sibling.connect(door, SOON), Connected::Connected);
    scene.set_up();
    assert_eq!(nested.connect(door, SOON), Connected::TimedOut);
    assert_eq!(scene.sibling.connect(door, SOON), Connected::Refused);
    assert_eq!(scene.agent.connect(door, SOON), Connected::Connected);
}
