//! Creating and destroying.

use warren_tests_conformance::garden::{Remains, Server};
use warren_tests_conformance::said;
use warren_tests_harness::Leaks;
use warren_wire_garden::container::Properties;

#[test]
fn handles_are_unique_and_errors_say_which() {
    let server = Server::new();
    let one = server.create(&server.spec("one"));
    assert_eq!(one.handle(), "one");
    let error = server
        .client()
        .create(&server.spec("one"))
        .map_err(said)
        .unwrap_err();
    assert!(error.contains("Handle 'one' already in use"), "{error}");
    let unnamed = server.container();
    assert_eq!(unnamed.handle().len(), 36);
    server.client().destroy("one").unwrap();
    let again = server.create(&server.spec("one"));
    assert_eq!(again.says("hostname"), "one");
}

#[test]
fn a_failed_creation_leaves_nothing() {
    let server = Server::new();
    let client = server.client();
    let mut both = server.spec("x");
    both.rootfs = "/somewhere".to_owned();
    let error = client.create(&both).map_err(said).unwrap_err();
    assert!(
        error.contains("Cannot provide both Image.URI and RootFSPath"),
        "{error}"
    );
    let mut missing = server.spec("x");
    missing.image.uri = "/no/such/image.tar".to_owned();
    client.create(&missing).unwrap_err();
    let mut network = server.spec("x");
    network.network = "not a network".to_owned();
    client.create(&network).unwrap_err();
    let mut gateway = server.spec("x");
    gateway.network = "10.244.9.1/24".to_owned();
    let error = client.create(&gateway).map_err(said).unwrap_err();
    assert!(
        error.contains("a container IP must not equal the gateway IP"),
        "{error}"
    );
    assert!(client.list(&Properties::new()).unwrap().is_empty());
    let all = Properties::from([("garden.state".to_owned(), "all".to_owned())]);
    assert!(client.list(&all).unwrap().is_empty());
    // The handle is free.
    server.create(&server.spec("x"));
}

#[test]
fn no_more_than_may_be() {
    let server = Server::builder()
        .arguments(&["--max-containers", "1"])
        .start();
    let _one = server.container();
    let error = server
        .client()
        .create(&server.spec(""))
        .map_err(said)
        .unwrap_err();
    assert!(error.contains("max containers reached"), "{error}");
    assert_eq!(server.client().capacity().unwrap().max_containers, 1);
}

#[test]
fn capacity_is_more_than_nothing() {
    let server = Server::new();
    let capacity = server.client().capacity().unwrap();
    assert!(capacity.memory_in_bytes > 0 && capacity.disk_in_bytes > 0);
    assert!(capacity.schedulable_disk_in_bytes > 0 && capacity.max_containers > 0);
}

#[test]
fn nothing_is_left_of_a_server_and_its_containers() {
    let leaks = Leaks::snapshot();
    {
        let server = Server::new();
        let mut spec = server.spec("");
        spec.limits.memory.limit_in_bytes = 64 << 20;
        spec.network = "10.244.0.5/24".to_owned();
        let unprivileged = server.create(&spec);
        let mut spec = server.spec("");
        spec.privileged = true;
        let privileged = server.create(&spec);
        for container in [&unprivileged, &privileged] {
            assert_eq!(container.says("echo hi"), "hi");
            server.client().net_in(container.handle(), 0, 8080).unwrap();
        }
    }
    leaks.assert_same();
}

/// Every server of these tests is looked at so when it goes.
#[test]
fn whatever_is_left_would_be_seen() {
    let server = Server::new();
    let before = Remains::of(&server);
    let group = server.groups()[0].join("garden-left");
    std::fs::create_dir(&group).unwrap();
    let at = server.directory().join("left");
    std::fs::create_dir(&at).unwrap();
    let at = at.display().to_string();
    let actor = server.actor();
    actor.run(&["mount", "-t", "tmpfs", "left", &at]).success();
    let link = ["ip", "link", "add", "left0", "type", "bridge"];
    actor.run(&link).success();
    actor.run(&["nft", "add", "table", "ip", "left"]).success();
    let now = Remains::of(&server);
    for what in ["mount ", "link left0", "rule table ip left", "group "] {
        let mut left = now.beyond(&before).into_iter();
        assert!(left.any(|each| each.contains(what) && each.contains("left")));
    }
    actor
        .run(&["nft", "delete", "table", "ip", "left"])
        .success();
    actor.run(&["ip", "link", "del", "left0"]).success();
    actor.run(&["umount", &at]).success();
    std::fs::remove_dir(&group).unwrap();
}

#[test]
fn many_come_and_go_at_once() {
    let server = Server::new();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..4 {
                    let container = server.create(&server.spec(&format!("c-{worker}-{round}")));
                    assert_eq!(container.says("hostname"), container.handle());
                }
            });
        }
    });
    assert!(server.client().list(&Properties::new()).unwrap().is_empty());
}
