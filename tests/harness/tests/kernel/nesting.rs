//! Actors inside actors, as containers inside containers.

use std::net::Ipv4Addr;
use std::time::Duration;

use warren_tests_harness::{Actor, ActorBuilder, Connected, Sandbox};

/// A container inside `parent`, one cgroup further down.
fn level(parent: &Actor) -> Actor {
    parent.make_directory("/sys/fs/cgroup/next");
    ActorBuilder::contained()
        .cgroup("/sys/fs/cgroup/next")
        .fresh_cgroup2()
        .spawn_in(parent)
}

#[test]
fn four_levels_each_with_their_own_view() {
    let sandbox = Sandbox::new("nesting");
    let first = ActorBuilder::contained()
        .cgroup(sandbox.cgroup())
        .fresh_cgroup2()
        .spawn();
    let second = level(&first);
    let third = level(&second);
    let fourth = level(&third);

    let mut seen_pids = Vec::new();
    for actor in [&first, &second, &third, &fourth] {
        assert_eq!(actor.pid(), 1);
        assert!(
            actor.cgroup().lines().any(|line| line == "0::/"),
            "{}",
            actor.cgroup()
        );
        seen_pids.push(actor.host_pid());
        // Each has a network of its own, so the same port is free on every level.
        let address = actor.listen((Ipv4Addr::LOCALHOST, 2825));
        assert_eq!(
            actor.connect(address, Duration::from_secs(1)),
            Connected::Connected
        );
        assert_eq!(actor.accepted(address), 1);
    }
    seen_pids.dedup();
    assert_eq!(seen_pids.len(), 4);

    let procs = sandbox.cgroup().join("next/next/next/cgroup.procs");
    let procs = std::fs::read_to_string(procs).unwrap();
    assert!(
        procs
            .lines()
            .any(|line| line == fourth.host_pid().to_string()),
        "{procs}"
    );
    assert_eq!(fourth.run(&["echo", "deep"]).success().stdout, "deep\n");

    drop(third);
    assert_eq!(second.run(&["true"]).code, 0);
    assert!(
        first
            .read("/sys/fs/cgroup/next/next/next/cgroup.procs")
            .is_empty()
    );
}
