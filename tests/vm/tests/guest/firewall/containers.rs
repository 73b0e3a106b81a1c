//! Containers in the machine, and containers in those, each with an agent of its own.

use std::path::PathBuf;
use std::time::Duration;

use warren_tests_harness::{Actor, ActorBuilder, Connected};
use warren_tests_vm::warren;

use super::scene::{MONIT, Scene, address, json};

const MOUNT: &str = "/sys/fs/cgroup";

/// Sets up the firewall of a container with its own cgroup namespace and checks it.
/// `name` of the agent's cgroup is as the container sees it.
#[track_caller]
fn check(container: &Actor) {
    let process = |name: &str| {
        let cgroup = PathBuf::from(MOUNT).join(name);
        container.make_directory(&cgroup);
        ActorBuilder::new().cgroup(cgroup).spawn_in(container)
    };
    let (agent, sibling, below) = (process("agent"), process("sibling"), process("agent/below"));
    let seen = |actor: &Actor| actor.connect(address(MONIT), Duration::from_secs(5));
    for actor in [&agent, &sibling, &below] {
        assert_eq!(seen(actor), Connected::Connected);
    }

    let shown = json(&warren(&agent, &["cgroup", "show", "--json"]).success());
    let report = json(&warren(&agent, &["firewall", "setup", "--json"]).success());
    let identity = &report["agent"]["identity"];
    assert_eq!(identity["path"], "/agent");
    // This kernel counts from the root of the cgroup namespace that the rules were made in.
    assert_eq!(identity["level"], 1, "{report:#}");
    assert_eq!(shown["level"]["level"], 1, "{shown:#}");
    assert_eq!(shown["namespace"]["initial"], false, "{shown:#}");
    assert_eq!(shown["namespace"]["root_is_real"], false, "{shown:#}");

    assert_eq!(seen(&agent), Connected::Connected);
    for (who, actor) in [
        ("a sibling", &sibling),
        ("below", &below),
        ("its init", container),
    ] {
        assert_eq!(seen(actor), Connected::Refused, "{who}");
    }
    // The rules of an agent in the namespace's root would match every process of the container.
    let root = json(&warren(container, &["firewall", "setup", "--json"]).success());
    assert_eq!(root["agent"]["identity"]["level"], 0, "{root:#}");
    assert_eq!(seen(container), Connected::Connected);
    for actor in [&agent, &sibling, &below] {
        assert_eq!(seen(actor), Connected::Refused);
    }
    warren(container, &["firewall", "teardown"]).success();
    assert_eq!(seen(&sibling), Connected::Connected);
    drop((below, sibling, agent));
    for name in ["agent/below", "agent", "sibling"] {
        container.remove_directory(PathBuf::from(MOUNT).join(name));
    }
}

#[track_caller]
fn contained(parent: &Actor, name: &str) -> Actor {
    let cgroup = PathBuf::from(MOUNT).join(name);
    parent.make_directory(&cgroup);
    let container = ActorBuilder::contained()
        .cgroup(cgroup)
        .fresh_cgroup2()
        .spawn_in(parent);
    container.listen(address(MONIT));
    container
}

#[test]
fn one_and_two_containers_deep() {
    let scene = Scene::new();
    let first = contained(scene.vm.actor(), "warren-test-scene-l1");
    check(&first);
    let second = contained(&first, "l2");
    check(&second);
    // The container outside is set up while the one inside runs.
    check(&first);
    drop(second);
    first.remove_directory(format!("{MOUNT}/l2"));
    drop(first);
    scene
        .vm
        .run(&["rmdir", &format!("{MOUNT}/warren-test-scene-l1")])
        .success();
}

/// Systemd's own kind: a service with a private network, in the machine's cgroup namespace.
#[test]
fn a_service_with_a_private_network() {
    let scene = Scene::new();
    let run = "systemd-run --quiet --unit=guest.service -p PrivateNetwork=yes --pipe --wait \
               /warren firewall setup --json";
    let report = json(&scene.vm.shell(run).success());
    assert_eq!(
        report["agent"]["identity"]["path"],
        "/system.slice/guest.service"
    );
    assert_eq!(report["agent"]["identity"]["level"], 2, "{report:#}");
    assert_eq!(
        scene.vm.run(&["nft", "list", "tables"]).success().stdout,
        ""
    );
}
